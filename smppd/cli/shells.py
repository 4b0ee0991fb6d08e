"""Completion scripts for bash, zsh and fish, made of what the parsers declare.

All three go through the words of the line in the same way: what belongs to an option is passed over,
a command leads to what may stand behind it. Nothing is run while one types.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from shlex import quote
from types import MappingProxyType

from smppd.cli.declared import Argument, Declared
from smppd.provider.catalogue import OPERATIONS

#: Words for places of which the parser does not know what may stand there.
_KNOWN: Mapping[str, tuple[str, ...]] = MappingProxyType({"CLASS.METHOD": tuple(OPERATIONS)})

_BASH = """\
# bash completion for smppd; made by `smppd completion bash`.

_smppd_may() {  # what may come behind the commands in $1
    commands='' flags='' takes='' words='' files=''
    case $1 in
@places@
    esac
}

_smppd_values() {  # what may be given to option $2 behind the commands in $1
    values='' files=''
    case "$1 $2" in
@values@
    esac
}

_smppd() {
    local commands flags takes words files values place='' skip='' word i
    local cur=${COMP_WORDS[COMP_CWORD]} before=$((COMP_CWORD - 1))
    COMPREPLY=()
    _smppd_may ''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ $word == '=' ]]; then
            skip=1
        elif [[ $skip ]]; then
            skip=''
        elif [[ " $takes " == *" $word "* ]]; then
            skip=1
        elif [[ $word != -* && " $commands " == *" $word "* ]]; then
            place=${place:+$place }$word
            _smppd_may "$place"
        fi
    done
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ ${COMP_WORDS[before]} == '=' ]]; then
        before=$((before - 1))
    fi
    if [[ " $takes " == *" ${COMP_WORDS[before]} "* ]]; then
        _smppd_values "$place" "${COMP_WORDS[before]}"
        words=$values commands=''
    elif [[ $cur == -* ]]; then
        words="$flags $takes" commands='' files=''
    fi
    mapfile -t COMPREPLY < <(compgen -W "$commands $words" -- "$cur")
    if [[ $files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
    fi
}

complete -F _smppd smppd
"""

_ZSH = """\
#compdef smppd
# zsh completion for smppd; made by `smppd completion zsh`.

_smppd_may() {  # what may come behind the commands in $1
    commands=() flags=() takes=() words_here=() files=''
    case $1 in
@places@
    esac
}

_smppd_values() {  # what may be given to option $2 behind the commands in $1
    values=() files=''
    case "$1 $2" in
@values@
    esac
}

_smppd() {
    local -a commands flags takes words_here values
    local files place='' skip='' word
    integer i
    _smppd_may ''
    for ((i = 2; i < CURRENT; i++)); do
        word=${words[i]}
        if [[ -n $skip ]]; then
            skip=''
        elif [[ -n ${(M)takes:#${word}:*} ]]; then
            skip=1
        elif [[ $word != -* && -n ${(M)commands:#${word}:*} ]]; then
            place=${place:+$place }$word
            _smppd_may "$place"
        fi
    done
    if [[ -n $skip ]]; then
        _smppd_values "$place" "${words[CURRENT-1]}"
        (( ${#values} )) && _describe value values
    elif [[ ${words[CURRENT]} == -*=* ]]; then
        _smppd_values "$place" "${words[CURRENT]%%=*}"
        compset -P '*='
        (( ${#values} )) && _describe value values
    elif [[ ${words[CURRENT]} == -* ]]; then
        files=''
        local -a options=($flags $takes)
        _describe option options
    else
        (( ${#commands} )) && _describe command commands
        (( ${#words_here} )) && _describe word words_here
    fi
    [[ -z $files ]] || _files
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _smppd "$@"
else
    compdef _smppd smppd
fi
"""

_FISH = """\
# fish completion for smppd; made by `smppd completion fish`.

function __smppd_place  # the commands that stand on the line
    set -l place
    set -l skip
    for word in (commandline -opc)[2..]
        if test -n "$skip"
            set skip
        else if contains -- "$place $word" @takes@
            set skip 1
        else if contains -- "$place $word" @commands@
            set place (string trim -- "$place $word")
        end
    end
    echo "$place"
end

function __smppd_at
    test (__smppd_place) = "$argv[1]"
end

complete -c smppd -f
@lines@
"""


def bash(program: Declared) -> str:
    """For bash 4 and newer."""
    places, values = [], []
    for command in program.everything():
        place = " ".join(command.path)
        takes = [each for each in command.options if each.value]
        settings = {
            "commands": [each.path[-1] for each in command.commands],
            "flags": _names(each for each in command.options if not each.value),
            "takes": _names(takes),
            "words": [word for each in command.places for word in _words(each)],
            "files": ["1"] * any(each.is_file for each in command.places),
        }
        places.append(_case(quote(place), settings))
        for option in takes:
            pattern = "|".join(quote(f"{place} {name}") for name in option.names)
            settings = {"values": list(_words(option)), "files": ["1"] * option.is_file}
            if any(settings.values()):
                values.append(_case(pattern, settings))
    return _filled(_BASH, places=places, values=values)


def _case(pattern: str, settings: Mapping[str, Iterable[str]]) -> str:
    given = " ".join(f"{key}={quote(' '.join(each))}" for key, each in settings.items() if each)
    return f"        {pattern}) {given} ;;"


def zsh(program: Declared) -> str:
    """For zsh 5, sourced behind compinit or as `_smppd` in a folder of `fpath`."""
    places, values = [], []
    for command in program.everything():
        place = " ".join(command.path)
        takes = [each for each in command.options if each.value]
        arrays = {
            "commands": [_described(each.path[-1], each.says) for each in command.commands],
            "flags": [
                _described(name, each.says)
                for each in command.options
                if not each.value
                for name in each.names
            ],
            "takes": [_described(name, each.says) for each in takes for name in each.names],
            "words_here": [
                _described(word, "") for each in command.places for word in _words(each)
            ],
        }
        files = any(each.is_file for each in command.places)
        places.append(_zsh_case(quote(place), arrays, files=files))
        for option in takes:
            pattern = "|".join(quote(f"{place} {name}") for name in option.names)
            given = {"values": [_described(word, "") for word in _words(option)]}
            if given["values"] or option.is_file:
                values.append(_zsh_case(pattern, given, files=option.is_file))
    return _filled(_ZSH, places=places, values=values)


def _zsh_case(pattern: str, arrays: Mapping[str, list[str]], *, files: bool) -> str:
    given = [f"{key}=({' '.join(map(quote, each))})" for key, each in arrays.items() if each]
    return f"        {pattern}) {' '.join([*given, *['files=1'] * files])} ;;"


def _described(word: str, says: str) -> str:
    return f"{word.replace(':', chr(92) + ':')}:{says}"


def fish(program: Declared) -> str:
    """For fish 3."""
    lines, takes, commands = [], [], []
    for command in program.everything():
        place = " ".join(command.path)
        head = f"complete -c smppd -n {quote(f'__smppd_at {quote(place)}')}"
        for each in command.commands:
            commands.append(f"{place} {each.path[-1]}")
            lines.append(f"{head} -a {quote(each.path[-1])} -d {quote(each.says)}")
        for option in command.options:
            takes += [f"{place} {name}" for name in option.names if option.value]
            lines.append(f"{head} {_fish_option(option)}")
        for spot in command.places:
            if words := " ".join(_words(spot)):
                lines.append(f"{head} -a {quote(words)}")
            if spot.is_file:
                lines.append(f"{head} -F")
    filled = _filled(_FISH, lines=lines)
    for name, found in (("takes", takes), ("commands", commands)):
        filled = filled.replace(f"@{name}@", " ".join(map(quote, found)))
    return filled


def _fish_option(option: Argument) -> str:
    names = [
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
    ]
    value = []
    if option.value:
        value.append("-rF" if option.is_file else "-x")
        if words := " ".join(_words(option)):
            value.append(f"-a {quote(words)}")
    return " ".join([*names, *value, "-d", quote(option.says)])


def _words(argument: Argument) -> tuple[str, ...]:
    return argument.choices or _KNOWN.get(argument.value, ())


def _names(arguments: Iterable[Argument]) -> list[str]:
    return [name for each in arguments for name in each.names]


def _filled(template: str, **lines: list[str]) -> str:
    for name, each in lines.items():
        template = template.replace(f"@{name}@", "\n".join(each))
    return template


#: How the script of each shell is made.
SHELLS: Mapping[str, Callable[[Declared], str]] = MappingProxyType(
    {"bash": bash, "zsh": zsh, "fish": fish}
)

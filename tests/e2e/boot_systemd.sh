# Boots a systemd in namespaces of its own, over a copy of this machine's files that is thrown away.
#
# $1: an empty folder; what is in $1/etc and $1/opt is laid over /etc and /opt. $2: a folder of cgroup2 for it
# alone. $3: this Python's prefix, $4 its packages, $5 our sources: they may lie where services may not look.
set -eu
echo $$ >"$2/cgroup.procs"
exec unshare --net --fork --kill-child --pid --mount --ipc --uts --cgroup --propagation private bash -eu -c '
  stage=$1; shift
  mkdir "$stage/top"; mount -t tmpfs tmpfs "$stage/top"; cd "$stage/top"; mkdir up work root
  mount -t overlay overlay -o lowerdir=/,upperdir=up,workdir=work root
  mount -t proc proc root/proc; mount -t sysfs sysfs root/sys; mount -t cgroup2 cgroup2 root/sys/fs/cgroup
  mount --rbind /dev root/dev
  mount -t tmpfs -o mode=755 tmpfs root/run; mount -t tmpfs -o mode=1777 tmpfs root/tmp
  rm -rf root/etc/smppd root/opt/smppd root/var/lib/smppd root/var/spool/smppd
  cp -a "$stage/etc" "$stage/opt" root/
  for place in python packages sources; do
    mkdir -p "root/opt/smppd-test/$place"; mount --bind "$2" "root/opt/smppd-test/$place"; shift
  done
  chmod 755 root/opt/smppd-test
  cd root; mkdir .old; pivot_root . .old; umount -l /.old; rmdir /.old
  mount --make-rshared /
  ip link set lo up
  export container=lxc
  exec /lib/systemd/systemd --system --unit=smppd-test.target
' boot "$1" "$2" "$3" "$4" "$5"

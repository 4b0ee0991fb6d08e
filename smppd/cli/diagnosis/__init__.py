"""What `smppd doctor` looks at beyond `smppd check`: permissions, disk, clock, network, the daemon.

Each module looks at one of them and gives findings. What cannot be looked at is a finding, too.
"""

#!/bin/sh
# cloud-init: where the first boot takes its identity from, and the user that it makes.
#
# Parameters (with: in the definition):
#   datasources  in order of trust; NoCloud and ConfigDrive by default. "None" is added by itself
#   groups       further groups of the default user, space or comma separated
set -eu
umask 022

die() { echo "cloud-init: $*" >&2; exit 1; }
# "a b", "a,b" and "a, b" all become "a, b": a YAML list without its brackets.
yaml_list() { printf '%s' "$1" | tr -s ', \n' '   ' | sed 's/^ //; s/ $//; s/ /, /g'; }

[ -d /etc/cloud/cloud.cfg.d ] || die "the package cloud-init is not in the image"

user=${GABARIT_USER:-debian}
groups="adm, systemd-journal"
case ${GABARIT_SUDO:-nopasswd} in
nopasswd) sudo='["ALL=(ALL) NOPASSWD:ALL"]' ;;
password) sudo='["ALL=(ALL) ALL"]' groups="$groups, sudo" ;;
none) sudo=false ;;
*) die "sudo policy \"$GABARIT_SUDO\" is not nopasswd, password or none" ;;
esac
more=$(yaml_list "${GABARIT_WITH_GROUPS:-}")
[ -z "$more" ] || groups="$groups, $more"

sources=$(yaml_list "${GABARIT_WITH_DATASOURCES:-NoCloud ConfigDrive}")
case ", $sources, " in
*", None, "*) ;;
*) sources="$sources, None" ;;
esac

# netplan where it is installed, else systemd-networkd itself, which the cloud-init of Debian 11 does not know yet.
renderers='netplan, networkd, eni'
[ -e /usr/lib/python3/dist-packages/cloudinit/net/networkd.py ] || renderers='netplan, eni'

# Debian's own file stays as it is; this one is read after it and wins. One file of ours, so that an upgrade of the
# package never asks about a changed configuration file.
# The list of sources must stay on one line: ds-identify, which is a shell script, reads it too.
cat > /etc/cloud/cloud.cfg.d/90-gabarit.cfg <<CFG
datasource_list: [ $sources ]

users:
  - default
disable_root: true
# Keys only; the policy itself is in /etc/ssh/sshd_config.d.
ssh_pwauth: false
# Every clone gets its own host keys, of the types that every client of the last ten years knows and that are quick to make.
ssh_deletekeys: true
ssh_genkeytypes: [ ed25519, ecdsa ]

# As the image has it already, so that nothing is done; its package sources and host names stay too.
locale: ${GABARIT_LOCALE:-C.UTF-8}
manage_etc_hosts: false
preserve_hostname: false
apt:
  preserve_sources_list: true

growpart:
  mode: auto
  devices: [ / ]
  ignore_growroot_disabled: false
resize_rootfs: true

system_info:
  default_user:
    name: $user
    gecos: $user
    lock_passwd: true
    groups: [ $groups ]
    sudo: $sudo
    shell: /bin/bash
  network:
    renderers: [ $renderers ]
CFG

# Without a seed cloud-init stays off. It must: it would otherwise take the second boot, when the platform has removed
# the seed, for a new machine, and replace its host keys and its network configuration.
cat > /etc/cloud/ds-identify.cfg <<'POLICY'
policy: search,found=all,maybe=none,notfound=disabled
POLICY

# What cloud-init does even for a machine without a seed: let the root file system grow to the disk.
install -D -m 0755 "${GABARIT_FILES:?cloud-init: GABARIT_FILES is not set}/grow-root" /usr/local/lib/gabarit/grow-root
cat > /etc/systemd/system/gabarit-grow-root.service <<'UNIT'
[Unit]
Description=Grow the root file system to the disk
# cloud-init does it when it runs.
ConditionPathExists=!/run/cloud-init/enabled
ConditionVirtualization=!container
After=systemd-remount-fs.service systemd-udevd.service
RequiresMountsFor=/tmp

[Service]
Type=oneshot
ExecStart=/usr/local/lib/gabarit/grow-root

[Install]
WantedBy=multi-user.target
UNIT
systemctl --quiet enable gabarit-grow-root.service

#!/bin/sh
# Guest tools: the agent of each platform, started only on that platform.
#
# Parameters (with: in the definition):
#   agents  the platforms whose agents run: "kvm xen vmware", or "none"; by default those of the template
set -eu
umask 022

die() { echo "guest-tools: $*" >&2; exit 1; }

agents=" $(printf '%s' "${GABARIT_WITH_AGENTS:-${GABARIT_PLATFORMS:-}}" | tr -s ', ' '  ') "
[ "$agents" != " none " ] || agents=" "
for agent in $agents; do
  case $agent in
  kvm | xen | vmware) ;;
  *) die "parameter agents names \"$agent\"; known are kvm, xen, vmware and none" ;;
  esac
done
wanted() { case $agents in *" $1 "*) true ;; *) false ;; esac }
installed() { [ -e "/lib/systemd/system/$1" ] || [ -e "/etc/systemd/system/$1" ]; }

on='' off=''
# Sorts the units of one platform into those to have and those to switch off for good. Masking, unlike disabling, also
# keeps udev and other units from starting them.
platform() {
  name=$1
  shift
  for unit; do
    if wanted "$name"; then
      installed "$unit" || die "the agent for $name is wanted, but $unit is not in the image"
      on="$on $unit"
    elif [ -e "/lib/systemd/system/$unit" ]; then
      off="$off $unit"
    fi
  done
}

# KVM: udev starts qemu-guest-agent when, and only when, the machine has its port. There is nothing to enable.
platform kvm qemu-guest-agent.service
# VMware: both units are conditioned on VMware by their package.
platform vmware open-vm-tools.service vgauth.service

# Xen: Debian has no package of an agent; this small one needs only xenstore-utils.
if wanted xen; then
  [ -x /usr/bin/xenstore-write ] || die "the agent for xen is wanted, but the package xenstore-utils is not in the image"
  install -D -m 0755 "${GABARIT_FILES:?guest-tools: GABARIT_FILES is not set}/xen-agent" /usr/local/lib/gabarit/xen-agent
  cat > /etc/systemd/system/gabarit-xen-agent.service <<'UNIT'
[Unit]
Description=Tell the Xen host about this machine
Documentation=file:///usr/local/lib/gabarit/xen-agent
ConditionVirtualization=xen
ConditionPathExists=/dev/xen/xenbus

[Service]
ExecStart=/usr/local/lib/gabarit/xen-agent
Restart=on-failure
RestartSec=30
# It reads public facts and writes to the store; nothing else.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK
MemoryDenyWriteExecute=yes

[Install]
WantedBy=multi-user.target
UNIT
  systemctl --quiet enable gabarit-xen-agent.service
elif [ -e /etc/systemd/system/gabarit-xen-agent.service ]; then
  systemctl --quiet disable gabarit-xen-agent.service
  rm -f /etc/systemd/system/gabarit-xen-agent.service /usr/local/lib/gabarit/xen-agent
fi

# shellcheck disable=SC2086 # lists of unit names, meant to be split
[ -z "$on" ] || systemctl --quiet unmask $on
# shellcheck disable=SC2086
[ -z "$off" ] || systemctl --quiet mask $off

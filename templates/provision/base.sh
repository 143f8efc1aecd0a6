#!/bin/sh
# Base system: locale, time zone, host name, package sources, network, time, logs.
#
# Parameters (with: in the definition):
#   journal    persistent (default) or volatile: whether logs survive a reboot
#   resolvers  fallback DNS servers, space separated; none by default: only what DHCP or the seed gives
set -eu
umask 022

die() { echo "base: $*" >&2; exit 1; }

# apt, dnf or zypper: what brings the packages here, by the system's own word.
# shellcheck source=/dev/null
system=$(. /etc/os-release && echo " ${ID:-} ${ID_LIKE:-} ")
case $system in
*' debian '*) family=apt ;;
*' rhel '* | *' fedora '*) family=dnf ;;
*' suse '*) family=zypper ;;
*) die "/etc/os-release names a system that is not known:$system" ;;
esac
unit_exists() { [ -e "/usr/lib/systemd/system/$1" ] || [ -e "/lib/systemd/system/$1" ] || [ -e "/etc/systemd/system/$1" ]; }
# set_line FILE PATTERN LINE: the line stands in the file instead of those that fit the pattern.
set_line() {
  ! grep -qxF -- "$3" "$1" 2>/dev/null || return 0
  [ ! -e "$1" ] || sed -i "/$2/d" "$1"
  echo "$3" >> "$1"
}

journal=${GABARIT_WITH_JOURNAL:-persistent}
case $journal in
persistent | volatile) ;;
*) die "parameter journal is \"$journal\"; it must be persistent or volatile" ;;
esac

# --- locale -----------------------------------------------------------------------------------------------------------
# C, POSIX and C.UTF-8 are part of the C library. Any other locale is compiled once; that needs the package "locales".
locale=${GABARIT_LOCALE:-C.UTF-8}
case $locale in
C | POSIX | C.UTF-8 | C.utf8) ;;
*)
  charset=${locale#*.}
  [ "$charset" != "$locale" ] || die "locale $locale names no character set; write for example $locale.UTF-8"
  # localedef lists what is compiled with its own spelling of the character set: fr_FR.utf8.
  compiled="${locale%%.*}.$(printf %s "$charset" | tr -d - | tr '[:upper:]' '[:lower:]')"
  if ! localedef --list-archive 2>/dev/null | grep -qxF "$compiled" && [ ! -d "/usr/lib/locale/$compiled" ]; then
    case $family in
    apt) package='locales (and use the standard package set)' ;;
    dnf) package="glibc-langpack-${locale%%_*}" ;;
    zypper) package=glibc-locale ;;
    esac
    [ -e "/usr/share/i18n/locales/${locale%%.*}" ] ||
      die "locale $locale: its source is not in the image; add the package $package"
    mkdir -p /usr/lib/locale
    localedef -i "${locale%%.*}" -f "$charset" "$locale" || die "locale $locale cannot be compiled"
  fi
  # dpkg-reconfigure and upgrades of the package rebuild what this file names.
  [ $family != apt ] || echo "$locale $charset" > /etc/locale.gen
  ;;
esac
# Since Debian 13, /etc/default/locale is a link to /etc/locale.conf; writing through it serves both.
case $family in
apt) echo "LANG=$locale" > /etc/default/locale ;;
*) echo "LANG=$locale" > /etc/locale.conf ;;
esac

# --- time zone --------------------------------------------------------------------------------------------------------
timezone=${GABARIT_TIMEZONE:-Etc/UTC}
if [ -e "/usr/share/zoneinfo/$timezone" ]; then
  ln -sfn "/usr/share/zoneinfo/$timezone" /etc/localtime
elif [ "$timezone" = Etc/UTC ]; then
  # Without /etc/localtime the time is UTC, so this one needs no package.
  rm -f /etc/localtime
else
  die "time zone $timezone is not in /usr/share/zoneinfo; add the package tzdata or correct the name"
fi
[ $family != apt ] || echo "$timezone" > /etc/timezone

# --- host name --------------------------------------------------------------------------------------------------------
# "localhost" means "not set": the first boot takes the name from cloud-init or DHCP. libnss-myhostname answers for the
# machine's own name, whatever it becomes, so /etc/hosts never needs to follow it.
echo localhost > /etc/hostname
cat > /etc/hosts <<'HOSTS'
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
HOSTS
# The tools that made the image may have left their own mode on them.
chmod 0644 /etc/hostname /etc/hosts

# --- packages ---------------------------------------------------------------------------------------------------------
# Everywhere: only what is asked for, and no timer that holds the lock of the packages in the first minutes of a machine's life,
# unless the package that takes security updates by itself is there because someone asked for it.
packages_apt() {
  if [ -n "${GABARIT_SOURCES:-}" ]; then
    rm -f /etc/apt/sources.list
    printf '%s\n' "$GABARIT_SOURCES" > "/etc/apt/sources.list.d/${GABARIT_DISTRO:-debian}.sources"
  fi
  cat > /etc/apt/apt.conf.d/60gabarit <<'APT'
// Only what is asked for, and no translated descriptions.
APT::Install-Recommends "false";
Acquire::Languages "none";
// A mirror that hiccups at first boot is not a failure.
Acquire::Retries "3";
APT
  if [ -x /usr/bin/unattended-upgrade ]; then
    # The package is there because someone asked for it: take security updates by themselves (its own defaults).
    cat > /etc/apt/apt.conf.d/61gabarit-upgrades <<'APT'
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
APT
    systemctl --quiet enable apt-daily.timer apt-daily-upgrade.timer
  else
    # Without it the daily timers do nothing but hold the package lock in the first minutes of a machine's life.
    rm -f /etc/apt/apt.conf.d/61gabarit-upgrades
    systemctl --quiet disable apt-daily.timer apt-daily-upgrade.timer
  fi
}
packages_dnf() {
  [ -z "${GABARIT_SOURCES:-}" ] || die "package sources in apt's form are not for this system"
  set_line /etc/dnf/dnf.conf '^ *install_weak_deps *=' install_weak_deps=False
  ! unit_exists dnf-makecache.timer || systemctl --quiet disable dnf-makecache.timer
  if unit_exists dnf-automatic.timer; then
    sed -i 's/^ *upgrade_type *=.*/upgrade_type = security/; s/^ *apply_updates *=.*/apply_updates = yes/' /etc/dnf/automatic.conf
    systemctl --quiet enable dnf-automatic.timer
  fi
}
packages_zypper() {
  [ -z "${GABARIT_SOURCES:-}" ] || die "package sources in apt's form are not for this system"
  set_line /etc/zypp/zypp.conf '^[# ]*solver\.onlyRequires *=' 'solver.onlyRequires = true'
  for timer in packagekit-background.timer zypp-refresh.timer; do
    ! unit_exists "$timer" || systemctl --quiet disable "$timer"
  done
}
packages_$family

# --- network ----------------------------------------------------------------------------------------------------------
# systemd-networkd on Debian and Ubuntu, else what the system itself runs. Each way, a machine without any seed gets its network by
# DHCP; what cloud-init or a person configures goes before it; and waiting for the network ends after half a minute and fails nothing.
network_networkd() {
  # systemd-networkd carries out what netplan or cloud-init write. This file is the last in order: it is used for network
  # cards that neither of them configured, so that a machine without any seed still gets its network.
  mkdir -p /etc/systemd/network
  cat > /etc/systemd/network/99-dhcp-fallback.network <<'NETWORK'
# Used only for cards that no other file matches.
[Match]
Name=en* eth*

[Network]
DHCP=yes
LLMNR=no

# A card that was configured on purpose keeps the default route.
[DHCPv4]
RouteMetric=2048

[DHCPv6]
RouteMetric=2048
NETWORK
  # One working card is enough to be online, half a minute is enough to wait for it, and a machine without a cable is not
  # broken: "-" keeps the unit from failing. The name sorts after the drop-in that netplan writes at boot.
  mkdir -p /etc/systemd/system/systemd-networkd-wait-online.service.d
  cat > /etc/systemd/system/systemd-networkd-wait-online.service.d/50-gabarit.conf <<'WAIT'
[Service]
ExecStart=
ExecStart=-/lib/systemd/systemd-networkd-wait-online --any --timeout=30
WAIT
  mkdir -p /etc/systemd/resolved.conf.d
  cat > /etc/systemd/resolved.conf.d/50-gabarit.conf <<RESOLVED
[Resolve]
# Only the DNS servers of this network: no built-in public ones, no answering of neighbours.
FallbackDNS=${GABARIT_WITH_RESOLVERS:-}
LLMNR=no
MulticastDNS=no
RESOLVED
  [ "$(readlink /etc/resolv.conf || true)" = ../run/systemd/resolve/stub-resolv.conf ] ||
    ln -sfn ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf ||
    die "/etc/resolv.conf cannot be replaced; is it a mount point?"
}
network_NetworkManager() {
  [ -z "${GABARIT_WITH_RESOLVERS:-}" ] || die "parameter resolvers needs systemd-resolved, which this system does not use"
  mkdir -p /etc/NetworkManager/system-connections /etc/systemd/system/NetworkManager-wait-online.service.d
  # Without a uuid: NetworkManager makes one from the name of the file. It takes every card, after all other connections.
  cat > /etc/NetworkManager/system-connections/gabarit-fallback.nmconnection <<'CONNECTION'
# Used only for cards that no other connection matches.
[connection]
id=gabarit-fallback
type=ethernet
autoconnect-priority=-999
multi-connect=3
llmnr=0
mdns=0

[ipv4]
method=auto

[ipv6]
method=auto
CONNECTION
  chmod 0600 /etc/NetworkManager/system-connections/gabarit-fallback.nmconnection
  cat > /etc/systemd/system/NetworkManager-wait-online.service.d/50-gabarit.conf <<'WAIT'
[Service]
ExecStart=
ExecStart=-/usr/bin/nm-online --wait-for-startup --quiet --timeout=30
WAIT
}
network_wicked() {
  [ -z "${GABARIT_WITH_RESOLVERS:-}" ] || die "parameter resolvers needs systemd-resolved, which this system does not use"
  # wicked configures no card that it was not told of; cloud-init writes the same file.
  if [ ! -e /etc/sysconfig/network/ifcfg-eth0 ]; then
    printf "%s\n" "BOOTPROTO='dhcp'" "STARTMODE='auto'" > /etc/sysconfig/network/ifcfg-eth0
  fi
  set_line /etc/sysconfig/network/config '^ *WAIT_FOR_INTERFACES=' 'WAIT_FOR_INTERFACES="30"'
}
if [ $family = apt ]; then
  network=networkd
elif unit_exists NetworkManager.service; then
  network=NetworkManager
elif unit_exists wicked.service; then
  network=wicked
else
  die "neither NetworkManager nor wicked is in the image"
fi
network_$network

# --- logs -------------------------------------------------------------------------------------------------------------
mkdir -p /etc/systemd/journald.conf.d
cat > /etc/systemd/journald.conf.d/50-gabarit.conf <<JOURNAL
[Journal]
Storage=$journal
SystemMaxUse=128M
RuntimeMaxUse=32M
JOURNAL

# --- services ---------------------------------------------------------------------------------------------------------
# Exactly one keeper of the time. Debian's packages of the others remove systemd-timesyncd; openSUSE has it beside chrony.
time_service=
for unit in systemd-timesyncd chrony chronyd ntpsec openntpd; do
  ! unit_exists "$unit.service" || time_service="$time_service $unit.service"
done
if [ $family != apt ] && unit_exists chronyd.service && unit_exists systemd-timesyncd.service; then
  systemctl --quiet disable systemd-timesyncd.service
  time_service=$(printf %s "$time_service" | sed 's/ systemd-timesyncd.service//')
fi
# shellcheck disable=SC2086 # the list is meant to be split
set -- $time_service
[ $# = 1 ] || die "exactly one time service must be installed, found:${time_service:- none}"

# Consoles need nothing here: systemd's own generator starts a login on the kernel's consoles (ttyS0) and on hvc0.
case $network in
networkd) systemctl --quiet enable systemd-networkd.service systemd-resolved.service "$1" getty@tty1.service ;;
*) systemctl --quiet enable "$network.service" "$1" getty@tty1.service ;;
esac

# Debian 11's cloud-init brings ifupdown; its service would configure the same cards a second time.
if [ -e /lib/systemd/system/networking.service ]; then
  systemctl --quiet disable networking.service
fi

# --- SELinux ----------------------------------------------------------------------------------------------------------
# Programs below /usr/local/lib would be libraries by the policy's own rules, which systemd may not start.
contexts=/etc/selinux/targeted/contexts/files
if [ -d "$contexts" ]; then
  set_line "$contexts/file_contexts.local" '^\/usr\/local\/lib\/gabarit' '/usr/local/lib/gabarit(/.*)? system_u:object_r:bin_t:s0'
fi

# --- kernel -----------------------------------------------------------------------------------------------------------
# Only where the engine has not made the boot menu and the initramfs itself: it names then what they lack.
#   GABARIT_KERNEL_ARGUMENTS   added to the command line of the kernel
#   GABARIT_INITRAMFS_MODULES  drivers that the initramfs must have, on whichever machine it is made
if [ -n "${GABARIT_KERNEL_ARGUMENTS:-}" ]; then
  # Each file takes away GRUB_CMDLINE_LINUX_DEFAULT: the arguments of the installer or the vendor in it ("rhgb quiet", a console of
  # his own) would follow ours and win.
  if [ $family = apt ] && command -v update-grub >/dev/null; then
    # There need not be an /etc/default/grub; and what vendors of cloud images set lies in this folder too, where the last file wins.
    mkdir -p /etc/default/grub.d
    printf 'GRUB_CMDLINE_LINUX="%s"\nGRUB_CMDLINE_LINUX_DEFAULT=""\n' "$GABARIT_KERNEL_ARGUMENTS" > /etc/default/grub.d/99-gabarit.cfg
    update-grub >/dev/null 2>/run/gabarit-log || { cat /run/gabarit-log >&2; die "update-grub failed"; }
  elif [ $family = apt ]; then
    # A menu that nothing writes anew, as minimal images have it, must do.
    for argument in $GABARIT_KERNEL_ARGUMENTS; do
      grep -qsF -- "$argument" /boot/grub/grub.cfg ||
        die "/boot/grub/grub.cfg lacks \"$argument\", and there is no update-grub to write it anew: add the package grub2-common"
    done
  else
    [ -e /etc/default/grub ] || die "there is no /etc/default/grub to write the kernel's arguments to"
    set_line /etc/default/grub '^ *GRUB_CMDLINE_LINUX=' "GRUB_CMDLINE_LINUX=\"$GABARIT_KERNEL_ARGUMENTS\""
    set_line /etc/default/grub '^ *GRUB_CMDLINE_LINUX_DEFAULT=' 'GRUB_CMDLINE_LINUX_DEFAULT=""'
    grub2-mkconfig -o /boot/grub2/grub.cfg >/dev/null 2>/run/gabarit-log || { cat /run/gabarit-log >&2; die "grub2-mkconfig failed"; }
    # Entries of their own (Boot Loader Specification) keep what they were made with; grubby changes them.
    if [ -d /boot/loader/entries ] && command -v grubby >/dev/null; then
      grubby --update-kernel=ALL --args="$GABARIT_KERNEL_ARGUMENTS" >/dev/null
    fi
  fi
fi
if [ -n "${GABARIT_INITRAMFS_MODULES:-}" ]; then
  # Ubuntu makes it with dracut since 25.10.
  if ! command -v dracut >/dev/null; then
    for module in $GABARIT_INITRAMFS_MODULES; do
      grep -qxF "$module" /etc/initramfs-tools/modules || echo "$module" >> /etc/initramfs-tools/modules
    done
    set_line /etc/initramfs-tools/initramfs.conf '^ *MODULES=' MODULES=most
    update-initramfs -u -k all >/dev/null 2>/run/gabarit-log || { cat /run/gabarit-log >&2; die "update-initramfs failed"; }
  else
    mkdir -p /etc/dracut.conf.d
    printf 'hostonly="no"\nadd_drivers+=" %s "\n' "$GABARIT_INITRAMFS_MODULES" > /etc/dracut.conf.d/50-gabarit.conf
    dracut --force --regenerate-all --no-hostonly --quiet 2>/run/gabarit-log || { cat /run/gabarit-log >&2; die "dracut failed"; }
  fi
fi

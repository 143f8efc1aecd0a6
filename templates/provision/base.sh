#!/bin/sh
# Base system: locale, time zone, host name, package sources, network, time, logs.
#
# Parameters (with: in the definition):
#   journal    persistent (default) or volatile: whether logs survive a reboot
#   resolvers  fallback DNS servers, space separated; none by default: only what DHCP or the seed gives
set -eu
umask 022

die() { echo "base: $*" >&2; exit 1; }

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
  if ! localedef --list-archive 2>/dev/null | grep -qxF "$compiled"; then
    [ -e "/usr/share/i18n/locales/${locale%%.*}" ] ||
      die "locale $locale: its source is not in the image; add the package locales (and use the standard package set)"
    mkdir -p /usr/lib/locale
    localedef -i "${locale%%.*}" -f "$charset" "$locale" || die "locale $locale cannot be compiled"
  fi
  # dpkg-reconfigure and upgrades of the package rebuild what this file names.
  echo "$locale $charset" > /etc/locale.gen
  ;;
esac
# Since Debian 13, /etc/default/locale is a link to /etc/locale.conf; writing through it serves both.
echo "LANG=$locale" > /etc/default/locale

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
echo "$timezone" > /etc/timezone

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

# --- network ----------------------------------------------------------------------------------------------------------
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

# --- logs -------------------------------------------------------------------------------------------------------------
mkdir -p /etc/systemd/journald.conf.d
cat > /etc/systemd/journald.conf.d/50-gabarit.conf <<JOURNAL
[Journal]
Storage=$journal
SystemMaxUse=128M
RuntimeMaxUse=32M
JOURNAL

# --- services ---------------------------------------------------------------------------------------------------------
# Exactly one keeper of the time: Debian's packages of the others remove systemd-timesyncd.
time_service=
for unit in systemd-timesyncd chrony ntpsec openntpd; do
  [ ! -e "/lib/systemd/system/$unit.service" ] || time_service="$time_service $unit.service"
done
# shellcheck disable=SC2086 # the list is meant to be split
set -- $time_service
[ $# = 1 ] || die "exactly one time service must be installed, found:${time_service:- none}"

# Consoles need nothing here: systemd's own generator starts a login on the kernel's consoles (ttyS0) and on hvc0.
systemctl --quiet enable systemd-networkd.service systemd-resolved.service "$1" getty@tty1.service

# Debian 11's cloud-init brings ifupdown; its service would configure the same cards a second time.
if [ -e /lib/systemd/system/networking.service ]; then
  systemctl --quiet disable networking.service
fi

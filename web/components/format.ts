import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';

export interface Format {
  /** `274 MiB`: powers of two, as on the command line. */
  bytes(size: number): string;
  number(value: number): string;
  percent(share: number): string;
  /** `3 days ago`. */
  ago(time: string): string;
  dateTime(time: string): string;
  clock(time: string): string;
  date(time: string): string;
  /** `1 min 5 s`. */
  duration(milliseconds: number): string;
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** Sizes, times and numbers in the person's language. */
export function useFormat(): Format {
  const { i18n } = useTranslation();
  return useMemo(() => formatIn(i18n.language), [i18n.language]);
}

export function formatIn(language: string): Format {
  const units = language === 'fr' ? ['o', 'Kio', 'Mio', 'Gio', 'Tio'] : ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto' });
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
  const clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  const whole = new Intl.NumberFormat(language);
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 });
  return {
    bytes(size) {
      const power = size < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(Math.abs(size)) / 10));
      const value = size / 1024 ** power;
      const digits = power === 0 || Math.abs(value) >= 100 ? 0 : 1;
      return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)} ${units[power]}`;
    },
    number: (value) => whole.format(value),
    percent: (share) => percent.format(share),
    ago(time) {
      const seconds = (Date.parse(time) - Date.now()) / 1000;
      const [unit, length] = steps.find(([, size]) => Math.abs(seconds) >= size) ?? ['second', 1];
      return relative.format(Math.round(seconds / length), unit);
    },
    dateTime: (time) => dateTime.format(new Date(time)),
    date: (time) => date.format(new Date(time)),
    clock: (time) => clock.format(new Date(time)),
    duration(milliseconds) {
      const seconds = milliseconds / 1000;
      if (seconds < 10) return `${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(seconds)} s`;
      if (seconds < 60) return `${Math.round(seconds)} s`;
      const minutes = Math.floor(seconds / 60);
      if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
      return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    },
  };
}

import {
  IconAlertTriangle,
  IconBan,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconClock,
  IconPlayerSkipForward,
  IconProgress,
  IconTag,
} from '@tabler/icons-react';
import type { ReactElement, ReactNode } from 'react';
import classes from './status.module.css';

/** What a thing's state means to a person: each with its own picture, so that colour is never alone. */
export type Tone = 'ok' | 'bad' | 'warn' | 'busy' | 'waiting' | 'skipped' | 'stopped' | 'idle' | 'name';

const pictures = {
  ok: IconCircleCheck,
  bad: IconCircleX,
  warn: IconAlertTriangle,
  busy: IconProgress,
  waiting: IconClock,
  skipped: IconPlayerSkipForward,
  stopped: IconBan,
  idle: IconCircleDashed,
  // No state at all: a channel, a label.
  name: IconTag,
} as const;

export function Status({ tone, children }: { tone: Tone; children: ReactNode }): ReactElement {
  const Picture = pictures[tone];
  return (
    <span className={classes['status']} data-tone={tone}>
      <Picture size={14} aria-hidden />
      <span className={classes['text']}>{children}</span>
    </span>
  );
}

/** The picture alone, where the words stand beside it. */
export function StatusMark({ tone, label }: { tone: Tone; label: string }): ReactElement {
  const Picture = pictures[tone];
  return (
    <span className={classes['mark']} data-tone={tone} role="img" aria-label={label} title={label}>
      <Picture size={18} aria-hidden />
    </span>
  );
}

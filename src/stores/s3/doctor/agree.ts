import type { StoreProbe } from '../../../model/store-diagnosis.ts';
import { kindOf, namedRegion, wordsOf } from './answers.ts';
import { type Answer, ask, type Line, type Question, withV2 } from './ask.ts';
import { clockExplanation, explainMismatch } from './mismatch.ts';
import { refusal, unexplained } from './refusal.ts';

/** The way of asking on which this server believes who asks: clock, region, addressing and signature, one after the other. */

export interface Agreement {
  /** Absent: there is no way. */
  line?: Line;
  /** Whether the bucket is there. */
  hasBucket: boolean;
}

type Report = (probe: StoreProbe) => void;

/** Asks for nothing but one key of the listing: it changes nothing, and is about the bucket. */
export function greetingFor(prefix: string): Question {
  return { method: 'GET', query: { 'list-type': '2', 'max-keys': '1', prefix } };
}

export async function agree(start: Line, greeting: Question, report: Report): Promise<Agreement> {
  let line = start;
  const reported = new Set<string>();
  const say = (probe: StoreProbe): void => {
    reported.add(probe.id);
    report(probe);
  };
  const turned = new Set<string>();
  for (;;) {
    const answer = await ask(line, greeting);
    const offsetMs = serverClock(answer);
    const kind = isAboutName(answer, line) ? 'style' : kindOf(answer);
    if (kind === 'accepted' || kind === 'denied' || kind === 'no-bucket') {
      line = await prefer(line, kind, greeting);
      conclude(start, line, offsetMs, reported, say);
      return { line, hasBucket: kind !== 'no-bucket' };
    }
    if (turned.has(kind)) {
      say(unexplained(answer));
      return { hasBucket: true };
    }
    turned.add(kind);
    const { probe, line: next } = await turn(kind, answer, line, greeting, offsetMs);
    say(probe);
    if (!next) return { hasBucket: true };
    line = next;
  }
}

/** Some servers that know only one signature call the other one a lack of rights. */
async function prefer(line: Line, kind: string, greeting: Question): Promise<Line> {
  if (kind !== 'denied' || line.signature === 'v2') return line;
  const v2 = withV2(line);
  return kindOf(await ask(v2, greeting)) === 'accepted' ? v2 : line;
}

/** What one refusal teaches, and how to ask next; without a line there is nothing more to try. */
interface Turn {
  probe: StoreProbe;
  line?: Line;
}

async function turn(kind: string, answer: Answer, line: Line, greeting: Question, offsetMs: number): Promise<Turn> {
  switch (kind) {
    case 'skew':
      return {
        probe: { ...titles.clock, status: 'fail', ...clockExplanation(offsetMs) },
        line: { ...line, clockOffsetMs: offsetMs },
      };
    case 'region':
      return turnRegion(answer, line, greeting, offsetMs);
    case 'style':
      return turnStyle(answer, line);
    case 'version': {
      const signature = line.signature === 'v4' ? 'v2' : 'v4';
      const found = `the server does not know signature version ${line.signature.slice(1)} (${wordsOf(answer)})`;
      const hint = `Set "signature: ${signature}".`;
      return {
        probe: { ...titles.signature, status: 'fail', cause: 'signature-version', found, hint },
        line: signature === 'v2' ? withV2(line) : { ...line, signature },
      };
    }
    case 'mismatch': {
      const { line: next, ...explanation } = await explainMismatch(line, greeting, answer, offsetMs);
      const title = titles[explanation.cause === 'clock' || explanation.cause === 'region' ? explanation.cause : 'signature'];
      const probe: StoreProbe = { ...title, status: 'fail', ...explanation };
      if (!next) return { probe };
      const goesRound = next.signature === 'v2' && line.signature === 'v4';
      const hint = `${explanation.hint}${goesRound ? ` ${untilThen}` : ''}`;
      return { probe: { ...probe, hint }, line: next };
    }
    default:
      return { probe: refusal(answer) };
  }
}

export const untilThen = 'Until then "signature: v2" works, though it protects less.';

const titles = {
  clock: { id: 'clock', title: 'Clock' },
  region: { id: 'region', title: 'Region' },
  addressing: { id: 'addressing', title: 'Addressing' },
  signature: { id: 'signature', title: 'Signature' },
};

async function turnRegion(answer: Answer, line: Line, greeting: Question, offsetMs: number): Promise<Turn> {
  const probe = { ...titles.region, status: 'fail', cause: 'region' } as const;
  const named = namedRegion(answer);
  const guessed = named === undefined ? (await explainMismatch(line, greeting, answer, offsetMs)).line?.region : named;
  if (guessed === undefined || guessed === line.region) {
    const hint = 'Ask whoever runs the server for the name of the region, and set "region".';
    return { probe: { ...probe, found: `"${line.region}" is not right (${wordsOf(answer)})`, hint } };
  }
  const found = `the bucket is in the region "${guessed}", not "${line.region}"`;
  return { probe: { ...probe, found, hint: `Set "region: ${guessed}".` }, line: { ...line, region: guessed } };
}

function turnStyle(answer: Answer, line: Line): Turn {
  const style = line.style === 'path' ? 'virtual-host' : 'path';
  const where = line.style === 'path' ? 'in the path' : 'in the host name';
  const found = `the name of the bucket is not understood ${where} (${wordsOf(answer)})`;
  const hint = `Set "addressing: ${style}".`;
  return { probe: { ...titles.addressing, status: 'fail', cause: 'addressing', found, hint }, line: { ...line, style } };
}

/** The endpoint itself was reached before: so it is the name of the bucket in front of it that leads nowhere. */
function isAboutName({ status, code }: Answer, { style }: Line): boolean {
  return status === 0 && style === 'virtual-host' && ['ENOTFOUND', 'EAI_AGAIN', 'ERR_TLS_CERT_ALTNAME_INVALID'].includes(code);
}

/** The clock of the server minus that of this host: as an error tells it, or as every answer bears it. */
function serverClock({ fields, clockOffsetMs }: Answer): number {
  const told = Date.parse(fields['ServerTime'] ?? '');
  return Number.isNaN(told) ? (clockOffsetMs ?? 0) : told - Date.now();
}

/** Says what was right from the beginning. */
function conclude(start: Line, line: Line, offsetMs: number, reported: ReadonlySet<string>, say: Report): void {
  const isV4 = line.signature === 'v4';
  if (!reported.has('clock')) {
    const seconds = Math.max(1, Math.round(Math.abs(offsetMs) / 1000));
    if (seconds < 120) say({ ...titles.clock, status: 'pass', found: `within ${seconds} s of the server` });
    else {
      const { found, hint } = clockExplanation(offsetMs);
      say({ ...titles.clock, status: 'warn', found, hint });
    }
  }
  if (!reported.has('region')) {
    const found = isV4 ? `"${line.region}" is accepted` : 'not part of signature version 2';
    say({ ...titles.region, status: isV4 ? 'pass' : 'skip', found });
  }
  if (reported.has('signature')) return;
  if (isV4) say({ ...titles.signature, status: 'pass', found: 'version 4 is believed' });
  else if (start.signature === 'v4') {
    const found = 'version 2 is believed, version 4 is not';
    say({ ...titles.signature, status: 'fail', cause: 'signature-version', found, hint: 'Set "signature: v2".' });
  } else {
    const found = 'version 2 is believed; it covers neither the bytes nor the host';
    say({ ...titles.signature, status: 'warn', found, hint: 'Take "signature: v2" away if the server knows version 4 too.' });
  }
}

import { distance } from 'fastest-levenshtein';

/** The candidates that `word` was probably meant to be, the nearest first; none when nothing is near. */
export function nearMatches(word: string, candidates: Iterable<string>, limit = 3): string[] {
  const wanted = word.toLowerCase();
  // Two letters that changed places are two changes.
  const furthest = Math.max(wanted.length < 4 ? 1 : 2, Math.floor(wanted.length / 3));
  const near: { candidate: string; far: number }[] = [];
  for (const candidate of new Set(candidates)) {
    if (candidate === word || Math.abs(candidate.length - wanted.length) > furthest) continue;
    const far = distance(wanted, candidate.toLowerCase());
    if (far <= furthest) near.push({ candidate, far });
  }
  near.sort((a, b) => a.far - b.far || (a.candidate < b.candidate ? -1 : 1));
  return near.slice(0, limit).map(({ candidate }) => candidate);
}

/** `; did you mean "platforms"?`, to be put after a message, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const [best] = nearMatches(word, candidates, 1);
  return best === undefined ? '' : `; did you mean "${best}"?`;
}

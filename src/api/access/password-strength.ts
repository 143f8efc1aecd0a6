import { AppError } from '../../util/errors.ts';

/** Words that somebody who knows this server would try first. */
const ownWords = ['gabarit', 'template', 'server', 'admin', 'golden', 'image'];

const mostEstimated = 64;
const leastLeft = 8;

/**
 * Refuses a password that is among those that people use (some ten thousand, also with letters swapped), or made of the user's name, of words
 * of this place, of rows of keys or of repetitions. Nothing is asked of its characters. @throws AppError USAGE
 */
export async function mustBeStrong(password: string, name: string): Promise<void> {
  const [{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
  ]);
  const estimate = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
  const words = [name.toLowerCase(), ...ownWords];
  // What is left without them must be a password of its own.
  const left = words.reduce((text, word) => text.replaceAll(word, ''), password.toLowerCase()).replaceAll(/[^\p{L}\p{N}]/gu, '');
  // Longer ones take long to estimate, and are not easier to guess.
  const { score } = estimate.check(password.slice(0, mostEstimated), words);
  if (score >= 3 && left.length >= leastLeft) return;
  throw new AppError('USAGE', 'body.password: is too easy to guess', {
    hint: 'Four random words are good; names, years and rows of keys are not.',
  });
}

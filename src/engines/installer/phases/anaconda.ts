import { enter, fail, type ReadLine } from './phase.ts';

/** Anaconda without a screen (`inst.cmdline`): plain lines on the console. */
export const readAnaconda: ReadLine = (progress, line) => {
  if (/anaconda(?:\[\d+\])?.*started\.|Starting installer, one moment/.test(line)) return enter(progress, 'answers');
  if (/dracut-initqueue.*(Warning: dracut-initqueue timeout|Could not boot)/.test(line))
    return fail(progress, 'it does not find its medium', 'Check that the medium is one of this release, with its own volume id.');
  if (/Creating (disklabel|\w+) on \/dev\//.test(line)) return enter(progress, 'partitioning');
  const packages = /\b(?:Installing|Downloading) (\S+) \((\d+)\/(\d+)\)/.exec(line);
  if (packages)
    return enter(progress, 'packages', { note: packages[1] ?? '', done: Number(packages[2]), total: Number(packages[3]) });
  if (/Starting package installation process|Downloading packages/.test(line)) return enter(progress, 'packages');
  if (/Installing boot loader/.test(line)) return enter(progress, 'bootloader');
  if (/Performing post-installation setup tasks|Configuring installed system|Running post-installation scripts/.test(line))
    return enter(progress, 'finishing');
  if (/Installation complete/.test(line)) return enter(progress, 'done');
  const asked = /The exact error message is:|Non interactive installation failed: (.*)|An unknown error has occurred/.exec(line);
  if (asked) return fail(progress, asked[1] === undefined ? 'it stopped at an error' : asked[1], 'Its log tells more.');
  if (/Failed to set up installation source|Error setting up (base repository|software source)/.test(line))
    return fail(progress, 'it does not find its packages', 'Check the mirror, or use a medium that holds the packages.');
  return progress;
};

/** Without a screen it asks nothing; but it says so when it would have to. */
export function anacondaQuestion(console: string): string | undefined {
  const tail = console.split('\n').slice(-40);
  return tail.find((line) => /Please make a selection from the above|\[!\] .*\(.*\)/.test(line))?.trim();
}

// Gets the LibTorch addon ready: builds it over the LibTorch that is here, or over Debian's, fetched when allowed.
import { existsSync } from 'node:fs';
import { run, say, sources } from './shell.mjs';

const packages = ['libtorch-dev', 'libopenblas0-pthread', 'g++', 'cmake', 'make'];

/** The addon's own builder: does nothing when the cache holds it, and says in its last line what is missing. */
const build = () =>
  run(process.execPath, [...sources, 'scripts/build-libtorch.ts'], { show: 'prefixed', name: 'setup' });

const lastLine = (text) => text.trim().split('\n').pop();

/** Why Debian's LibTorch cannot be fetched here, or undefined. */
const whyNoApt = () =>
  process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')
    ? 'there is no apt-get here to install one with'
    : process.getuid() !== 0
      ? `only root may install it (apt-get install ${packages.join(' ')})`
      : undefined;

/**
 * Resolves to undefined when the addon is ready, else to the reason why it is not.
 * `fetch` allows `apt-get install`: the tests want every backend, `npm start` makes do with what is here.
 */
export async function prepareLibTorch({ fetch }) {
  const first = await build();
  if (first.code === 0) return undefined;
  const reason = lastLine(first.output);
  if (!fetch) return reason;
  const refusal = whyNoApt();
  if (refusal) return `${reason} (and ${refusal})`;

  say(`setup: installing ${packages.join(', ')} with apt-get`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => run('apt-get', args, { show: 'failure', env });
  await apt('update', '-q');
  const { code } = await apt('install', '-q', '-y', '--no-install-recommends', ...packages);
  if (code !== 0) return `${reason} (and apt-get could not install LibTorch: above)`;
  const second = await build();
  return second.code === 0 ? undefined : lastLine(second.output);
}

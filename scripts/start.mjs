// `npm start`: sets up what the main job needs and runs it, the digits example on every backend that is here.
// `npm start -- --web`: the same in a page.
import './node-version.mjs';
import { spawn } from 'node:child_process';
import { prepareLibTorch } from './libtorch.mjs';
import { install } from './setup.mjs';
import { root, run, say, tool } from './shell.mjs';

if (process.argv.includes('--web')) await import('./web.mjs').then(({ web }) => web(process.argv.slice(2)));
else await digits();

async function digits() {
  await install();
  const withoutLibTorch = await prepareLibTorch({ fetch: false });
  if (withoutLibTorch) say('setup: going on without the libtorch backend');

  // Built, as users run it: tsx's bookkeeping would slow the numbers that the job prints.
  await run(tool('tsc'), ['-b', 'examples/digits'], { show: 'none' });
  await import('./entries.mjs').then(({ bundleAllEntries }) => bundleAllEntries());

  const job = ['examples/digits/dist/main.js', ...process.argv.slice(2)];
  const child = spawn(process.execPath, job, { cwd: root, stdio: 'inherit' });
  child.on('error', (error) => say(`npm start: ${error.message}`));
  child.on('close', (code) => process.exit(code ?? 1));
}

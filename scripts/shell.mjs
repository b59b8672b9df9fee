// Child processes for the repository's own scripts: everything they say goes to standard error.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Node on TypeScript sources, with no build: `node ...sources FILE`. */
export const sources = ['--import', 'tsx', '--conditions=sconce-source'];

/** A tool that `pnpm install` put into the repository. */
export const tool = (name) => join(root, 'node_modules', '.bin', name);

export const say = (line) => process.stderr.write(`${line}\n`);

export const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;

/**
 * Runs a command in the repository and resolves to `{ code, output }`; never rejects.
 * `show`: 'all' passes its output on as it comes, 'prefixed' line by line behind `name`, 'failure' only when it fails.
 */
export function run(command, args, { show = 'all', name = '', env = {}, cwd = root } = {}) {
  return new Promise((resolve) => {
    const stdio = show === 'all' ? ['ignore', 2, 2] : ['ignore', 'pipe', 'pipe'];
    const child = spawn(command, args, { cwd, stdio, env: { ...process.env, ...env } });
    const chunks = [];
    let line = '';
    const take = (chunk) => {
      chunks.push(chunk);
      if (show !== 'prefixed') return;
      const lines = (line + chunk).split('\n');
      line = lines.pop();
      for (const whole of lines) say(`${name}: ${whole}`);
    };
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', take);
    const end = (code, reason = '') => {
      if (line) say(`${name}: ${line}`);
      const output = chunks.join('') + reason;
      if (show === 'failure' && code !== 0) say(output.trimEnd());
      resolve({ code, output });
    };
    child.on('error', (error) => end(127, error.message));
    child.on('close', (code, signal) => end(code ?? 1, signal ? `ended by ${signal}` : ''));
  });
}

// `npm start -- --web`: builds the pages of the examples and serves them, with the headers that threads need.
//
//   npm start -- --web [--port 8080]     the built pages
//   npm start -- --web --dev             the digits page from its sources, for who works on it
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { install } from './setup.mjs';
import { root, run, say, tool } from './shell.mjs';
import { serve } from './static.mjs';

/** Where each example's page lies on the server. */
const pages = { '/': 'digits-web', '/web/': 'web' };

/** Builds and serves; goes on until it is interrupted. */
export async function web(args) {
  const at = args.findIndex((arg) => arg === '--port' || arg.startsWith('--port='));
  const port = at < 0 ? 8080 : Number(args[at].split('=')[1] ?? args[at + 1]);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    say('npm start -- --web: --port takes a number from 0 to 65535');
    process.exit(1);
  }
  await install();
  if (args.includes('--dev')) return dev(port);

  const folders = {};
  for (const [mount, name] of Object.entries(pages)) {
    const cwd = join(root, 'examples', name);
    const { code } = await run(tool('vite'), ['build', '--logLevel', 'warn'], { cwd, show: 'failure' });
    if (code !== 0) {
      say(`npm start -- --web: examples/${name} could not be built (above: why)`);
      process.exit(1);
    }
    folders[mount] = join(cwd, 'dist');
  }
  const server = await listen(folders, port, at >= 0);
  // On standard output, alone: a script can take it from there.
  console.log(server.url);
  say(`Draw, train and open models at ${server.url}, the small pages at ${server.url}web/ (Ctrl+C ends).`);
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => void server.close().then(() => process.exit(0)));
}

/** On the port; where nobody asked for that one and it is taken, on any other. */
async function listen(folders, port, asked) {
  try {
    return await serve(folders, { port });
  } catch (error) {
    if (error.code !== 'EADDRINUSE') throw error;
    if (!asked) return serve(folders, { port: 0 });
    say(`npm start -- --web: port ${port} is taken; --port names another`);
    return process.exit(1);
  }
}

function dev(port) {
  const cwd = join(root, 'examples', 'digits-web');
  const child = spawn(tool('vite'), ['--port', String(port)], { cwd, stdio: 'inherit' });
  child.on('close', (code) => process.exit(code ?? 1));
}

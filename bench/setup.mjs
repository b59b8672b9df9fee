// Installs the peers and writes the models that every system runs: `node bench/setup.mjs`, once.
// Needs Python with torch and torchvision (Debian: python3-torch python3-torchvision), named by BENCH_PYTHON.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const must = (command, args, cwd) => {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status === 0) return;
  console.error(`bench setup: ${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
  process.exit(1);
};

must('npm', ['install', '--ignore-scripts', '--no-package-lock', '--loglevel=warn'], join(here, 'peers'));
must(process.env.BENCH_PYTHON ?? '/usr/bin/python3', [join(here, 'export.py')], here);

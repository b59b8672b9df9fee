// `pnpm build`: every package's dist through turbo, which runs it under pnpm and replays what has not changed.
import './node-version.mjs';
import { install, pnpm } from './setup.mjs';

await install();
const env = { TURBO_TELEMETRY_DISABLED: '1', TURBO_NO_UPDATE_NOTIFIER: '1', DO_NOT_TRACK: '1' };
const { code } = await pnpm(['exec', 'turbo', 'run', 'build', ...process.argv.slice(2)], { env });
process.exitCode = code;

// The last line of a CI run: all that `npm test` and `pnpm check` reported, added up.
import { printTotal } from './report.mjs';

process.exitCode = printTotal(['test', 'check']) ? 0 : 1;

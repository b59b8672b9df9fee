/** The command from the sources: `npx tsx --conditions=sconce-source conformance/bin/source.ts …`, without a build. */
import { main } from '../src/command.ts';

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});

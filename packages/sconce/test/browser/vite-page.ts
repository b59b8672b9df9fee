/** The same page as a bundler's user writes it. */
import * as torch from 'sconce';
import { onThreads, run } from './program.ts';

const query = new URLSearchParams(location.search);
const result =
  query.get('task') === 'threads'
    ? onThreads(torch, query)
    : run(torch, './digits.pt', query.has('worker') ? { worker: true } : undefined);
window.result = result.catch((error: Error) => ({ error: `${error.stack}` }));

/** The same page as a bundler's user writes it. */
import * as torch from 'sconce';
import { run } from './program.ts';

const options = new URLSearchParams(location.search).has('worker') ? { worker: true } : undefined;
window.result = run(torch, './digits.pt', options).catch((error: Error) => ({ error: `${error.stack}` }));

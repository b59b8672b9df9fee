export * from './backend.ts';
export { explainFault } from './fault.ts';
export { withRank } from './view.ts';

export * from './backend.ts';
export { explainFault } from './fault.ts';

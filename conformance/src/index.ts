/** The conformance suite for Sconce backends: what a third party runs to know that a backend is right. */
export type { Case, Layer, LayerContext, Tier, Verdict } from './case.ts';
export { type CaseFiles, folderFiles, urlFiles } from './files.ts';
export { checkMutants, type MutantResult, mutants } from './mutants/index.ts';
export { type CaseId, formatId, parseQuery } from './query.ts';
export { type LayerCounts, type OperatorCounts, type Report, ReportBuilder, summary } from './report.ts';
export { reportHtml } from './report-html.ts';
export { type CaseResult, type RunOptions, run } from './run.ts';

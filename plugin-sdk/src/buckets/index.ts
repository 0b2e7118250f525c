/**
 * Pieces for drivers over an object store that is reached by HTTP: what is the same whichever SDK speaks to it. None of
 * them knows one.
 */
export { deleteInBatches } from './batched-deletes.ts';
export type { BatchedDeletes } from './batched-deletes.ts';
export { chunksOf, collect, streamOf } from './bodies.ts';
export { diagnoseEndpoint } from './endpoint-diagnosis.ts';
export { ObjectReader } from './object-reader.ts';
export type { ReaderOptions } from './object-reader.ts';
export { probe, UnfitBackend } from './probe.ts';
export type { ProbeCondition, ProbedBucket } from './probe.ts';
export { Requests } from './requests.ts';
export type { Answer, Attempt, Backend, RequestOptions, RequestsOptions, Retried } from './requests.ts';
export { RetryBudget } from './retry-budget.ts';

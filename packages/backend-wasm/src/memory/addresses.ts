/** Where things stand in the first two pages of the memory. Nothing lives at 0. */

/** What a kernel leaves when data is at fault: a kind (0 none), then the index as int64. */
export const FAULT = 64;

/** Kernels get strides and scalars through the parameter block. */
export const PARAMS = 1024;
export const PARAM_BYTES = 63 * 1024;

/** The words through which threads agree, then the table of a job's arguments (threads/control.ts). */
export const CONTROL = 65536;
export const CONTROL_BYTES = 65536;

/** Where the heap begins. */
export const FIRST = CONTROL + CONTROL_BYTES;

/** The dtypes under PyTorch's names: `torch.float32`. A dtype is its own name. */
import type { DType } from '@sconce/core';

export const bool: DType = 'bool';
export const uint8: DType = 'uint8';
export const int8: DType = 'int8';
export const int16: DType = 'int16';
export const int32: DType = 'int32';
export const int64: DType = 'int64';
export const float16: DType = 'float16';
export const bfloat16: DType = 'bfloat16';
export const float32: DType = 'float32';
export const float64: DType = 'float64';
export { float16 as half, float32 as float, float64 as double, int16 as short, int32 as int, int64 as long };
export const contiguous_format = 'contiguous_format';
export const preserve_format = 'preserve_format';
export const channels_last = 'channels_last';
export const channels_last_3d = 'channels_last_3d';
export const strided = 'strided';

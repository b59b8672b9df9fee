/** The operators as functions, for modules to call. */
import { functions } from '@sconce/core';
import type { Functions } from '@sconce/core/functions';

export const torch = functions as unknown as Functions;

export * from './schema.ts';
export * from './type.ts';

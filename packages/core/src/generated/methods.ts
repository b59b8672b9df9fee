// biome-ignore-all lint: generated
// biome-ignore-all format: generated
export interface Methods { [name: string]: any }

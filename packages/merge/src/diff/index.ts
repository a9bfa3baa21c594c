// Differences and three-way merges
export { diff, merge3 } from './merge3.ts'
export type { Merge3 } from './merge3.ts'
export type { By, Difference, Objection } from './by.ts'

// Ways of looking at values
export { items } from './items.ts'
export { json } from './json.ts'
export { keyed } from './keyed.ts'
export { characters, lines, words } from './text.ts'

// Conflicts
export { resolve } from './resolve.ts'
export type { Choice } from './resolve.ts'
export { withMarkers } from './markers.ts'
export type { MarkedMerge, MarkerOptions } from './markers.ts'
export type { Conflict, Key, Merged, Path, PlaceConflict, SpanConflict, ValueConflict } from './conflict.ts'

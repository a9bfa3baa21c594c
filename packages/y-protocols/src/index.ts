// The endpoint
export { createYEndpoint } from './endpoint.ts'
export type { YEndpoint, YEndpointOptions } from './endpoint.ts'
export { placeOf } from './places.ts'
export type { Place, PlaceRef, Roots } from './places.ts'
export { defaultYLimits } from './limits.ts'
export type { YLimits } from './limits.ts'

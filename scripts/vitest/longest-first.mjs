import { BaseSequencer } from 'vitest/node'

/** They weigh what is in the memory, collecting all garbage again and again: what others have left there would be looked through each time. */
const first = ['apps/relay/test/crowd.test.ts', 'packages/store/test/watching-memory.test.ts']

/** Simulations that take long, the longest first. */
const longest = [
  'simulate/small',
  'simulate/crashes',
  'between-clients',
  'between-clients-snapshot',
  'one-tab-snapshot',
  'one-tab',
  'simulate/small-tabs',
  'between-tabs',
  'between-tabs-snapshot',
  'simulate/whole',
  'simulate/policies',
  'simulate/restored',
  'simulate/refused',
  'simulate/booking',
]

/**
 * What takes long begins first, or a worker does it in the end while the others have nothing to do. vitest knows that of what it has run before,
 * and on a fresh clone it begins with the longest files: our longest simulations are a few lines.
 */
export class LongestFirst extends BaseSequencer {
  /** @param {import('vitest/node').TestSpecification[]} files */
  async sort(files) {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b))
  }
}

function placeOf({ moduleId }) {
  const place = [...first, ...longest.map((name) => `test/${name}.sim.test.ts`)].findIndex((end) =>
    moduleId.endsWith(`/${end}`),
  )
  return place < 0 ? first.length + longest.length : place
}

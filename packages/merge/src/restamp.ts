import { compareStamps, type Op, type Stamp, type Value } from '@syncline/stm'
import { YIELD } from './record-op.ts'
import { COUNT } from './shape.ts'

/**
 * An operation of a Change that is authored again, after others that it names have been: deletes that yield say by stamps what they have seen,
 * and `now` gives the stamp that a write has now, undefined where it has the one that it had. Gives the same operation where nothing has another, and
 * where it makes no sense. Cost: the stamps that it names.
 *
 * @example
 * import { restamped } from '@syncline/merge'
 *
 * const op = { tag: 'record', address: 'cards/a', arbiter: 'local', payload: [4, 1, [7, 'w1'], '0title', 0] } as const
 * expect(restamped(op, () => ({ at: 9, writer: 'w2' })).payload).toEqual([4, 1, [9, 'w2'], '0title', 0])
 */
export function restamped(op: Op, now: (stamp: Stamp) => Stamp | undefined): Op {
  const { tag, address, arbiter, payload } = op
  if (tag !== 'record' || !Array.isArray(payload) || payload[0] !== YIELD) return op
  const [kind, incarnation, told, ...entries] = payload as readonly Value[]
  const seen = new Map<string, Stamp>()
  const see = (path: string, stamp: Stamp): void => {
    const before = seen.get(path)
    if (before === undefined || compareStamps(stamp, before) > 0) seen.set(path, stamp)
  }
  let isAnother = false
  for (let i = 0; i < entries.length; i += 2) {
    const [path, place] = entries.slice(i, i + 2)
    const stamp = Array.isArray(told) ? stampAt(told, place) : undefined
    if (typeof path !== 'string' || stamp === undefined) return op
    const later = now(stamp)
    const others = later && additionsBy(later.writer, path, stamp.writer)
    // What a writer had added before, and the relay has taken, is still added by that writer.
    if (later === undefined || others !== undefined) see(path, stamp)
    if (later === undefined) continue
    isAnother = true
    see(others ?? path, later)
  }
  if (!isAnother) return op
  const stamps = [...seen.values()].flatMap(({ at, writer }): Value[] => [at, writer])
  const paths = [...seen.keys()].flatMap((path, i): Value[] => [path, i])
  return { tag, address, arbiter, payload: [kind!, incarnation!, stamps, ...paths] }
}

function stampAt(told: readonly Value[], place: Value | undefined): Stamp | undefined {
  const [at, writer] = typeof place === 'number' ? [told[place * 2], told[place * 2 + 1]] : []
  return typeof at === 'number' && typeof writer === 'string' ? { at, writer } : undefined
}

/** The path of what a writer has added to a count. */
export function additionsPath(name: string, writer: string): string {
  return `${COUNT}${JSON.stringify([name, writer])}`
}

/** Where what this writer has added to the same count stands; undefined when a path is not about what `by` has added. */
function additionsBy(writer: string, path: string, by: string): string | undefined {
  const end = `${JSON.stringify(by)}]`
  if (!path.startsWith(`${COUNT}`) || !path.endsWith(end)) return undefined
  return `${path.slice(0, -end.length)}${JSON.stringify(writer)}]`
}

import { performance } from 'node:perf_hooks'
import type { Connect, Decider } from './deciders/decider.ts'
import { connect as toPostgres } from './deciders/postgres.ts'
import { connect as toRedis } from './deciders/redis.ts'
import { connect as toSyncline } from './deciders/syncline.ts'

const connects: Readonly<Record<string, Connect>> = {
  Syncline: toSyncline,
  Redis: toRedis,
  PostgreSQL: toPostgres,
}

/** What was measured of one contender under one load. */
export interface Outcome {
  readonly perSecond: number
  /** Milliseconds from asking to knowing: the middle, and all but one in a hundred. */
  readonly p50: number
  readonly p99: number
}

/** How many clients there are, and whether they all want seats of one show or each of its own. */
export interface Load {
  readonly clients: number
  readonly isTogether: boolean
}

const WARM_UP_MS = 500
const MEASURED_MS = 2_000

/**
 * Lets all clients take one seat after the other for some seconds. Throws when the seats that are taken at the end are not as many as were given.
 */
export async function measure(name: string, port: number, { clients, isTogether }: Load): Promise<Outcome> {
  const decider = await connects[name]!(port, clients)
  const shows = isTogether ? 1 : clients
  const showOf = (client: number): number => (isTogether ? 0 : client)
  const warm = await takeFor(decider, clients, showOf, WARM_UP_MS)
  const { times, ms } = await takeFor(decider, clients, showOf, MEASURED_MS)
  const given = warm.times.length + times.length
  const taken = await decider.taken(shows)
  await decider.close()
  if (taken !== given) throw new Error(`${name} gave ${given} seats, and ${taken} are taken.`)
  times.sort((a, b) => a - b)
  return {
    perSecond: (times.length * 1000) / ms,
    p50: times[Math.floor(times.length / 2)]!,
    p99: times[Math.floor(times.length * 0.99)]!,
  }
}

async function takeFor(
  decider: Decider,
  clients: number,
  showOf: (client: number) => number,
  forMs: number,
): Promise<{ readonly times: number[]; readonly ms: number }> {
  const times: number[] = []
  const start = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let now = performance.now(); now - start < forMs;) {
        await decider.take(client, showOf(client))
        const then = performance.now()
        times.push(then - now)
        now = then
      }
    }),
  )
  return { times, ms: performance.now() - start }
}

import { round } from '../harness/statistics.mjs'
import { barsTable, markdownTable } from '../harness/tables.mjs'
import { barsOf } from './bars.mjs'

/** By name: how many take seats, and of what. */
export const loads = [1, 10, 100].flatMap((clients) => [
  { name: `${clients} apart`, clients, isTogether: false },
  ...(clients === 1 ? [] : [{ name: `${clients} together`, clients, isTogether: true }]),
])

/** The tables of the README, from what was measured. */
export function coordinatedTables(found) {
  const { results, fsync, rounds, versions, environment } = found
  const flushes = fsync.perSecond.median
  return {
    decided: tableOf(
      results,
      'decided in a second: how many / of the flushes that the disk gives to one',
      ({ perSecond: { median, spread } }) =>
        `${count(median)} ±${Math.round(spread * 50)} % / ${count(round(median / flushes))}`,
    ),
    delays: tableOf(
      results,
      'ms until it is decided: the middle one / all but one in a hundred',
      ({ p50, p99 }) => `${count(p50.median)} / ${count(p99.median)}`,
    ),
    bars: barsTable(barsOf(found), count),
    environment: environmentText(environment, versions, rounds, flushes),
  }
}

function tableOf(results, head, cell) {
  const names = Object.keys(Object.assign({}, ...Object.values(results)))
  return markdownTable(
    [head, ...names],
    Object.entries(results).map(([name, of]) => [
      wordsOf(loads.find((load) => load.name === name)),
      ...names.map((one) => (of[one] === undefined ? '–' : cell(of[one]))),
    ]),
  )
}

const wordsOf = ({ clients, isTogether }) =>
  clients === 1 ? 'one' : isTogether ? `${clients}, all of one show` : `${clients}, each of a show of its own`

function environmentText({ date, node, platform, cores, cpu }, versions, rounds, flushes) {
  const peers = Object.entries(versions).flatMap(([name, version]) =>
    version === undefined ? [] : [`${name} ${version}`],
  )
  return `${date}, Node ${node}, ${cores} cores of ${cpu}, ${platform}; ${peers.join(', ')}; ${count(flushes)} flushes a second. Rounds: ${rounds}.`
}

const count = (number) => round(number).toLocaleString('en', { maximumSignificantDigits: 6 })

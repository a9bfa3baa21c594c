import { round } from '../harness/statistics.mjs'
import { barsTable, markdownTable } from '../harness/tables.mjs'
import { barsOf } from './bars.mjs'
import { workloads } from './workloads.mjs'

/** What is shown of the loads, and of which. */
const shown = {
  cpu: ['CPU seconds for a million edits that are brought to somebody', ({ cpu }) => cpu],
  delays: [
    'ms from an edit until somebody has it: the middle one / all but one in a hundred',
    ({ p50, p99 }) => p50 && [p50, p99],
  ],
  memory: ['kB for each: held / by which the process has grown', ({ heldKb, rssKb }) => heldKb && [heldKb, rssKb]],
  arrivals: [
    'of 1,000 who come: µs of processor time for each / ms until all have what they miss / MB that the server takes more',
    ({ eachUs, allMs, peakMb }) => eachUs && [eachUs, allMs, peakMb],
  ],
  herd: [
    'ms until half / all but one in a hundred have what they miss / µs of processor time for each',
    ({ halfBackMs, mostBackMs, backUs }) => halfBackMs && [halfBackMs, mostBackMs, backUs],
  ],
  coldStart: [
    'ms until the first one has all / of processor time',
    ({ firstMs, firstCpuMs }) => firstMs && [firstMs, firstCpuMs],
  ],
  beside: [
    'ms from an edit until all who read have it, but for one in a hundred: when everybody reads / when half of them do',
    ({ allReadMs, someStallMs }) => allReadMs && [allReadMs, someStallMs],
  ],
  recovered: ['ms until they have all when they read again', ({ recoveredMs }) => recoveredMs],
  stored: [
    'edits stored in a second / ms that all but one in a hundred of what is due waits for its turn',
    ({ perSecond, loopDelayMs }) => perSecond && [perSecond, ...(loopDelayMs === undefined ? [] : [loopDelayMs])],
  ],
  load: ['per cent of a core that the load itself takes meanwhile', ({ load }) => load],
}

/** The tables of the README, from what was measured. */
export function relayTables(found) {
  const { results, dates, environment, versions, rounds } = found
  const tables = Object.entries(shown).flatMap(([name, [head, pick]]) => {
    const table = tableOf(results, head, pick)
    return table === undefined ? [] : [[name, table]]
  })
  return {
    // The page has a place for it, also when nothing of it is kept.
    load: 'Of what is kept here it was not noted.',
    ...Object.fromEntries(tables),
    bars: barsTable(barsOf(found), count),
    ...(versions !== undefined && { environment: environmentText(dates, environment, versions, rounds) }),
  }
}

function tableOf(results, head, pick) {
  const loads = Object.keys(results).filter((load) => Object.values(results[load]).some((one) => pick(one)))
  if (loads.length === 0) return undefined
  const names = Object.keys(Object.assign({}, ...loads.map((load) => results[load])))
  return markdownTable(
    [head, ...names],
    loads.map((load) => [workloads[load].what, ...names.map((name) => cell(results[load][name], pick))]),
  )
}

function cell(result, pick) {
  const picked = result && pick(result)
  if (!picked) return '–'
  return [picked]
    .flat()
    .map(({ median, spread }) => `${count(median)} ±${Math.round((spread * 100) / 2)} %`)
    .join(' / ')
}

function environmentText(dates, { node, platform, cores, cpu }, versions, rounds) {
  const [first, ...later] = [...new Set(Object.values(dates))].toSorted((a, b) => (a < b ? -1 : 1))
  const when = later.length === 0 ? first : `${first} to ${later.at(-1)}`
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${when}, Node ${node}, ${cores} cores of ${cpu}, ${platform}; ${peers.join(', ')}. Rounds: ${rounds}.`
}

const count = (number) => round(number).toLocaleString('en', { maximumSignificantDigits: 6 })

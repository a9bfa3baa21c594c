import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

/** Each load: what it is called in the README, how it is made, and what is said of a server under it. */
export const workloads = {
  'burst 10': { what: 'one writes quickly, 9 read', take: burst(10, 60_000) },
  'burst 100': { what: 'one writes quickly, 99 read', take: burst(100, 10_000) },
  'burst 1000': { what: 'one writes quickly, 999 read', take: burst(1_000, 1_000) },
  'steady 10': { what: 'one makes 200 edits a second, 9 read', take: steadily((load) => load.steady(1, 10, 200, 5)) },
  'steady 1000': {
    what: 'one makes 10 edits a second, 999 read',
    take: steadily((load) => load.steady(1, 1_000, 10, 5)),
  },
  presence: { what: '100 show themselves 5 times a second', take: steadily((load) => load.presence(100, 5, 4)) },
  rooms: {
    what: '1,000 rooms: in each one makes 5 edits a second, one reads',
    take: steadily((load) => load.steady(1_000, 2, 5, 4)),
  },
  connections: { what: '2,000 who do nothing, all in one room: each of them', take: idly(1, 2_000, 2_000) },
  crowd: { what: '5,000 who do nothing, all in one room: each of them', take: idly(1, 5_000, 5_000) },
  pairs: { what: '1,000 rooms with two who do nothing: each room', take: idly(1_000, 2, 1_000) },
  left: { what: '1,000 rooms in which something was written and nobody is: each room', take: left(1_000) },
  document: {
    what: 'a document of 1.1 MB that one looks at',
    take: open,
    only: ['bare ws', 'one write a turn', 'y-websocket-server', 'Syncline', 'Syncline in memory'],
  },
  stalled: {
    what: 'one who reads nothing of 32 MB',
    take: stalled,
    only: ['bare ws', 'one write a turn', 'Syncline', 'Syncline in memory'],
  },
  beside: {
    what: 'one makes 200 edits a second, ten read, and ten others do as well or read nothing',
    take: beside,
    only: ['bare ws', 'Syncline'],
  },
  storm: {
    what: '1,000 want a document of 1.1 MB at the same time',
    take: arriving(0, () => 0),
    only: ['ws that keeps', 'y-websocket-server', 'Hocuspocus', 'Syncline', 'Syncline in memory'],
  },
  'coming back alike': {
    what: '1,000 come back to it, and miss the last 100 edits',
    take: arriving(1_000, (rows) => rows + 900),
    only: ['y-websocket-server', 'Syncline', 'Syncline in memory'],
  },
  'coming back apart': {
    what: '1,000 come back to it, and each misses another number of edits, 500 on average',
    take: arriving(1_000, (rows, i) => rows + (i % 1_000)),
    only: ['y-websocket-server', 'Syncline', 'Syncline in memory'],
  },
  herd: {
    what: '1,000 connect again at once when the server was restarted, and miss the last 100 edits',
    take: herd,
    only: ['y-websocket-server with a file', 'Syncline'],
  },
  'cold start': {
    what: 'the first who comes after a start to 100,000 edits',
    take: coldStart(100_000),
    only: ['y-websocket-server with a file', 'Syncline'],
  },
  acknowledged: {
    what: '100 edits on their way until they are stored',
    take: acknowledged,
    only: ['Syncline', 'Syncline in memory'],
  },
}

/** A document of 1.1 MB: rows of a title and a mark. */
const MESSAGES = 100
const ROWS = 200
const ARRIVING = 1_000
/** 32 MB. */
const STALLED_MESSAGES = 3_000

/** Before what counts, edits let the code of the server be compiled: many at once, and each by itself, which other code deals with. */
const WARM_UP_EDITS = 20_000
const WARM_UP_LONE_SECONDS = 2
/** After somebody has come to a document nothing is done for so long, in which whoever tidies up can do so. */
const IDLE_MS = 3_000
/** So many times a thousand come back before those that count: a relay whose network was away is not one that was started just now. */
const WARM_UP_ARRIVALS = 4
/** So often all read and half of them do, for so long each: an odd number of pairs has a middle one. */
const BESIDE_PAIRS = 5
const BESIDE_SECONDS = 2

/** CPU seconds for a million edits that are brought to somebody. */
const perMillion = (cpuUs, deliveries) => cpuUs / deliveries

function burst(clients, edits) {
  return async (server, createLoad) => {
    const { load, meter } = await warmUp(server, createLoad)
    const deliveries = await load.burst(clients, edits)
    return { cpu: perMillion(meter.cpuUs(), deliveries), load: meter.loadPercent() }
  }
}

function steadily(act) {
  return async (server, createLoad) => {
    const { load, meter } = await warmUp(server, createLoad)
    const { deliveries, latenciesMs } = await act(load)
    return { cpu: perMillion(meter.cpuUs(), deliveries), ...latencies(latenciesMs), load: meter.loadPercent() }
  }
}

/** Kilobytes that each of `count` holds, clients or rooms, and that the process has become larger by. */
function idly(rooms, clients, count) {
  return async (server, createLoad) => {
    const { load } = await warmUp(server, createLoad)
    // What is compiled while somebody comes is no client's.
    await (await load.idle(100, 2)).leave()
    const before = await server.memory()
    const { leave } = await load.idle(rooms, clients)
    const after = await server.memory()
    await leave()
    return heldMore(before, after, count)
  }
}

/** Kilobytes that each room holds that nobody is in any more. */
function left(rooms) {
  return async (server, createLoad) => {
    const { load } = await warmUp(server, createLoad)
    await load.documents.visit(100)
    const before = await server.memory()
    await load.documents.visit(rooms)
    const after = await server.memory()
    return heldMore(before, after, rooms)
  }
}

/** Kilobytes by which one document that is open makes a server larger. */
async function open(server, createLoad) {
  const { load } = await warmUp(server, createLoad)
  await (await load.documents.write(MESSAGES, ROWS, 0)).leave()
  const before = await server.memory()
  const document = await load.documents.write(MESSAGES, ROWS, 0)
  const after = await server.memory()
  await document.leave()
  return heldMore(before, after, 1)
}

/** Kilobytes that a server keeps for one who does not read, and the milliseconds until they have all when they do. */
async function stalled(server, createLoad) {
  const { load } = await warmUp(server, createLoad)
  await (await load.documents.write(MESSAGES, ROWS, 0)).leave()
  const before = await server.memory()
  let after
  const ms = await load.documents.stall(STALLED_MESSAGES, ROWS, async () => (after = await server.memory()))
  return { ...heldMore(before, after, 1), recoveredMs: ms }
}

function heldMore(before, after, count) {
  const each = (what) => (after[what] - before[what]) / count / 1024
  return { heldKb: each('heldBytes'), rssKb: each('rssBytes') }
}

/** Milliseconds until a thousand have what they miss of a document, the processor time for each of them in µs, and the megabytes that the server has taken meanwhile at most. */
function arriving(edits, has) {
  return async (server, createLoad) => {
    const { load, meter } = await warmUp(server, createLoad)
    const document = await load.documents.write(MESSAGES, ROWS, edits)
    // Somebody has come to it before.
    await load.documents.arriveFirst(document.room, document.messages)
    await sleep(IDLE_MS)
    // Who is sent all of it is sent it by code that joining has warmed up.
    if (edits > 0)
      for (let i = 0; i < WARM_UP_ARRIVALS; i++)
        await load.documents.arrive(document, ARRIVING, (i) => has(MESSAGES, i))
    await server.peakBytes()
    const before = await server.peakBytes()
    const ms = await load.documents.arrive(document, ARRIVING, (i) => has(MESSAGES, i))
    const after = await server.peakBytes()
    await document.leave()
    return {
      eachUs: meter.cpuUs() / ARRIVING,
      allMs: ms,
      peakMb: (after - before) / 2 ** 20,
      load: meter.loadPercent(),
    }
  }
}

/**
 * The milliseconds that all but one in a hundred edits take at most to those who read, when everybody does and when half of them do: of several turns of each the middle one. What they differ by
 * is the middle one of neighbours, whatever the machine does meanwhile, of which now the one and now the other is first.
 */
async function beside(server, createLoad) {
  const { load, meter } = await warmUp(server, createLoad)
  const pairs = []
  const loads = []
  const turn = async (isStalling) => {
    const { p99 } = latencies(await load.beside(10, isStalling, 200, BESIDE_SECONDS))
    loads.push(meter.loadPercent())
    return p99
  }
  while (pairs.length < BESIDE_PAIRS) {
    const isStallingFirst = pairs.length % 2 === 1
    const [first, second] = [await turn(isStallingFirst), await turn(!isStallingFirst)]
    pairs.push(isStallingFirst ? { read: second, stall: first } : { read: first, stall: second })
  }
  const middle = (of) => latencies(pairs.map(of)).p50
  return {
    allReadMs: middle(({ read }) => read),
    someStallMs: middle(({ stall }) => stall),
    stallTimes: middle(({ read, stall }) => stall / read),
    load: Math.max(...loads),
  }
}

/** Milliseconds from when a server listens again until half of those who come at once, and all but one in a hundred, have what they miss; and its processor time for each of them. */
async function herd(server, createLoad) {
  const { load, meter } = await warmUp(server, createLoad)
  const document = await load.documents.write(MESSAGES, ROWS, 1_000)
  await load.documents.arriveFirst(document.room, document.messages)
  await sleep(IDLE_MS)
  await document.leave()
  await server.restart()
  const { p50, p99 } = latencies(await load.documents.comeBack(document, ARRIVING, () => MESSAGES + 900))
  return { halfBackMs: p50, mostBackMs: p99, backUs: meter.cpuUs() / ARRIVING, load: meter.loadPercent() }
}

/** Milliseconds until the first one has all, and the processor time of the server from its start until then. */
function coldStart(edits) {
  return async (server, createLoad) => {
    const { load } = await warmUp(server, createLoad)
    const document = await load.documents.write(0, 0, edits)
    await load.documents.arriveFirst(document.room, document.messages)
    await sleep(IDLE_MS)
    await document.leave()
    await server.restart()
    const meter = createMeter(server)
    const again = createLoad(server, meter.mark)
    const firstMs = await again.documents.arriveFirst(document.room, edits)
    return { firstMs, firstCpuMs: meter.cpuUs() / 1000, load: meter.loadPercent() }
  }
}

async function acknowledged(server, createLoad) {
  const { load, meter } = await warmUp(server, createLoad)
  await server.loopDelayMs()
  const { edits, ms, latenciesMs } = await load.acknowledged(100, 40_000)
  const loopDelayMs = await server.loopDelayMs()
  return {
    perSecond: (edits * 1000) / ms,
    loopDelayMs,
    cpu: perMillion(meter.cpuUs(), edits),
    ...latencies(latenciesMs),
    load: meter.loadPercent(),
  }
}

function latencies(ms) {
  const sorted = [...ms].sort((a, b) => a - b)
  const at = (share) => sorted[Math.floor(sorted.length * share)]
  return { p50: at(0.5), p99: at(0.99) }
}

async function warmUp(server, createLoad) {
  const meter = createMeter(server)
  const load = createLoad(server, meter.mark)
  await load.burst(10, WARM_UP_EDITS)
  await load.steady(20, 2, 100, WARM_UP_LONE_SECONDS)
  return { load, meter }
}

/**
 * What a server uses from one mark to the next, and the load meanwhile. Nothing is collected before: with what the warm-up has left behind, the engine would let go of the
 * code that it was for, as nothing of the kind that this code deals with is there at that moment.
 */
function createMeter(server) {
  let before = 0
  let after = 0
  let own = createOwnMeter()
  let loadPercent = 0
  return {
    async mark(isOver) {
      if (isOver) loadPercent = own.percent()
      if (isOver) after = await server.cpuUs()
      else before = await server.cpuUs()
      if (!isOver) own = createOwnMeter()
    },
    cpuUs: () => after - before,
    /** Per cent of one core that this process, which makes the load, has taken with all its threads: where it is all of it, the server may have waited for the load. */
    loadPercent: () => loadPercent,
  }
}

/** What this process takes from now on, in per cent of one core. */
function createOwnMeter() {
  const begunMs = performance.now()
  const cpu = process.cpuUsage()
  return {
    percent() {
      const { user, system } = process.cpuUsage(cpu)
      return (user + system) / 10 / (performance.now() - begunMs)
    },
  }
}

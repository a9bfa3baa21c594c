/** Stands for a simulation, in a module that Node can load: every tenth seed fails. */
export const simulation = {
  async cohort({ first: seed }) {
    if (seed % 10 !== 0) return { counts: { actions: seed % 3, seeds: 1 }, failures: [] }
    return { counts: {}, failures: [{ seed, failure: `Seed ${seed} failed.` }] }
  },
}

/** Made by scripts/examples.mjs: one test per documented example. */
declare module 'virtual:examples' {}

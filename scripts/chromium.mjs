// Gets a browser and a software GPU ready: Debian's chromium brings SwiftShader, which Node and Deno use too.
import { existsSync } from 'node:fs';
import { run, say } from './shell.mjs';

/** libvulkan1 is the loader through which Dawn (Node) and wgpu (Deno) find a driver. */
const packages = ['chromium', 'libvulkan1'];

const browsers = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const drivers = [
  '/usr/lib/chromium/vk_swiftshader_icd.json',
  '/usr/lib/chromium-browser/vk_swiftshader_icd.json',
];
const loaders = [
  '/usr/lib/x86_64-linux-gnu/libvulkan.so.1',
  '/usr/lib/aarch64-linux-gnu/libvulkan.so.1',
  '/usr/lib64/libvulkan.so.1',
];

const findBrowser = () => browsers.find((path) => path && existsSync(path));
const findDriver = () => process.env.VK_DRIVER_FILES ?? drivers.find(existsSync);
const isLinux = process.platform === 'linux';
const hasGpu = () => !isLinux || (findDriver() !== undefined && loaders.some(existsSync));

/** What child processes need to find the software GPU; elsewhere than on Linux the system has a GPU of its own. */
export function gpuEnvironment() {
  const driver = findDriver();
  // Without the second, Mesa and Dawn complain on every start.
  return isLinux && driver
    ? { VK_DRIVER_FILES: driver, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? '/tmp' }
    : {};
}

/** Why Debian's Chromium cannot be fetched here, or undefined. */
const whyNoApt = () =>
  !isLinux || !existsSync('/usr/bin/apt-get')
    ? 'there is no apt-get here to install it with'
    : process.getuid() !== 0
      ? `only root may install it (apt-get install ${packages.join(' ')})`
      : undefined;

/** Resolves to why there is no browser, and why no GPU for Node and Deno; each undefined where it is ready. */
export async function prepareChromium({ fetch }) {
  const missing = () => ({
    withoutBrowser: findBrowser() ? undefined : 'no Chromium is here (CHROMIUM=/path names one)',
    withoutGpu: hasGpu()
      ? undefined
      : 'no software GPU is here: SwiftShader and the Vulkan loader (VK_DRIVER_FILES names a driver)',
  });
  if (findBrowser() && hasGpu()) return missing();
  const refusal = fetch ? whyNoApt() : 'it is not installed without `npm test`';
  if (!refusal) {
    say(`setup: installing ${packages.join(', ')} with apt-get`);
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const apt = (...args) => run('apt-get', args, { show: 'failure', env });
    await apt('update', '-q');
    await apt('install', '-q', '-y', '--no-install-recommends', ...packages);
  }
  const { withoutBrowser, withoutGpu } = missing();
  const because = (reason) => (reason && refusal ? `${reason} (and ${refusal})` : reason);
  return { withoutBrowser: because(withoutBrowser), withoutGpu: because(withoutGpu) };
}

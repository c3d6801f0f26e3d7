/**
 * The images that deploy's Dockerfiles start from, made here, because no registry of images is
 * reached: a bare Debian as mmdebstrap makes it, with the Node and the npm which run the tests
 * where node:24-slim has its own. It is known as node:24-slim and as debian:12-slim.
 */
import { copyFile, cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startPodman, type Podman } from '../../support/lab/podman.ts'
import { debianRoot } from '../debian-package/debian-root.ts'
import { hostNpm } from './host-npm.ts'

export const project = path.join(import.meta.dirname, '..', '..', '..')

export interface Builder extends AsyncDisposable {
  readonly podman: Podman
  /**
   * Builds an image from a Dockerfile of the project; what npm fetches in it comes from where it
   * comes on this host.
   */
  readonly build: (dockerfile: string, context: string, tag: string) => Promise<void>
}

/**
 * A machine with these images, and the project at /project; `further` folders of the host where the
 * value says.
 */
export async function startBuilder(
  further: Readonly<Record<string, string>> = {},
): Promise<Builder> {
  const npm = await hostNpm()
  const local = await mkdtemp(path.join(tmpdir(), 'rcptwise-images-'))
  let podman: Podman | undefined
  const end = async (): Promise<void> => {
    await podman?.[Symbol.asyncDispose]()
    await rm(local, { recursive: true, force: true })
  }
  try {
    await writeAdditions(local, npm.program)
    const cache = npm.cache === undefined ? {} : { [npm.cache]: '/npm-cache' }
    const debian = await debianRoot('clean')
    const machine = await startPodman({
      [project]: '/project',
      [local]: '/node',
      [debian]: '/debian',
      ...cache,
      ...further,
    })
    podman = machine
    const unneeded = [
      'usr/share/doc',
      'usr/share/man',
      'usr/share/locale',
      'usr/share/info',
      'var/lib/apt/lists',
    ]
    const left = unneeded.map((name) => `--exclude=./${name}/*`).join(' ')
    // Each by itself: podman takes no path twice, and Debian has the directories above.
    const added = [
      ...['bin/node', 'bin/npm', 'lib/node_modules'].map((name) => `usr/local/${name}`),
      aptSettings,
    ]
    const pack = `tar -c ${left} -C /debian . -C /node ${added.join(' ')} | podman import -q - docker.io/library/node:24-slim`
    const imported = await machine.run('sh', ['-c', pack])
    if (imported.code !== 0)
      throw new Error(`The base image can't be made:\n${imported.transcript}`)
    await machine.podman('tag', 'node:24-slim', 'docker.io/library/debian:12-slim')
    await machine.write('/npmrc', npm.settings)
    if (npm.authorities !== undefined) await machine.write('/authorities.pem', npm.authorities)
    const volumes = [
      '/npmrc:/root/.npmrc:ro',
      ...(npm.authorities === undefined ? [] : ['/authorities.pem:/authorities.pem:ro']),
      ...(npm.cache === undefined ? [] : ['/npm-cache:/root/.npm:O']),
    ].flatMap((volume) => ['--volume', volume])
    // The format is Docker's: podman's own has no HEALTHCHECK.
    const basics = [
      '--format',
      'docker',
      '--isolation',
      'chroot',
      '--network',
      'host',
      '--pull=never',
      '--layers=false',
    ]
    return {
      podman: machine,
      build: async (dockerfile, context, tag) => {
        const inside = (name: string): string => path.join('/project', name)
        const args = [
          'build',
          ...basics,
          ...volumes,
          '-f',
          inside(dockerfile),
          '-t',
          tag,
          inside(context),
        ]
        const built = await machine.outside('podman', args)
        if (built.code !== 0) throw new Error(`${dockerfile} can't be built:\n${built.transcript}`)
      },
      [Symbol.asyncDispose]: end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

/** The official images have the same: no caches, no waiting for the disk. */
const aptSettings = 'etc/apt/apt.conf.d/docker'
const keepNothing = `Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
APT::Keep-Downloaded-Packages "false";
DPkg::Options { "--force-unsafe-io"; };
`

/** What node:24-slim has in /usr/local, and apt's settings. */
async function writeAdditions(folder: string, npm: string): Promise<void> {
  await mkdir(path.dirname(path.join(folder, aptSettings)), { recursive: true })
  await writeFile(path.join(folder, aptSettings), keepNothing)
  const local = path.join(folder, 'usr', 'local')
  await mkdir(path.join(local, 'bin'), { recursive: true })
  await copyFile(await realpath(process.execPath), path.join(local, 'bin/node'))
  await cp(npm, path.join(local, 'lib/node_modules/npm'), {
    recursive: true,
    verbatimSymlinks: true,
  })
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', path.join(local, 'bin/npm'))
}

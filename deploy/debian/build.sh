#!/usr/bin/env bash
# Builds rcptwise_VERSION_ARCHITECTURE.deb into a directory:
#
#   deploy/debian/build.sh [DIRECTORY]      default: dist/debian
#
# Beside it: the list of what is in it (SBOM, CycloneDX), and SHA256SUMS of both. The same sources give the same octets,
# wherever and whenever they are built: times are of the last entry in changelog, or $SOURCE_DATE_EPOCH.
#
# Wants what `npm ci` installs, dpkg-deb and binutils (strip). The package is for the architecture it is built on, because
# it holds the Node that npm installed here; build on arm64 for arm64. $RCPTWISE_DEB_COMPRESSION: xz (default), or gzip,
# which is ten times faster and makes a package half as large again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../.." && pwd)
target=$(mkdir -p "${1:-$project/dist/debian}" && cd "${1:-$project/dist/debian}" && pwd)
export PATH="$project/node_modules/.bin:$PATH"

version=$(node -p "require('$project/package.json').version")
architecture=$(dpkg --print-architecture)
noted=$(sed -n '1s/^rcptwise (\([^)]*\)).*/\1/p' "$here/changelog")
if [ "$noted" != "$version" ]; then
  echo "build.sh: $here/changelog begins with $noted, package.json has $version: add an entry for it" >&2
  exit 1
fi

export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date -u -d "$(sed -n 's/^ -- .*>  //p' "$here/changelog" | head -n 1)" +%s)}
export LC_ALL=C TZ=UTC

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
library=$root/usr/lib/rcptwise
documents=$root/usr/share/doc/rcptwise
umask 022

# The program, its libraries, and the Node it was tested with.
mkdir -p "$library/bin"
cp "$project/package.json" "$project/package-lock.json" "$library/"
(cd "$library" && npm ci --omit=dev --ignore-scripts --prefer-offline --no-update-notifier --no-audit --no-fund --loglevel=error >/dev/null)
"$project/node_modules/.bin/node" "$project/deploy/sbom.mjs" "$library" "$project/node_modules/.bin/node" >"$work/sbom.json"
rm -f "$library/package-lock.json" "$library/node_modules/.package-lock.json"
rm -rf "$library/node_modules/.bin"
# Tests, examples and editors' settings of libraries, and scripts among them that nothing runs.
find "$library/node_modules" -depth \( -name test -o -name tests -o -name benchmarks -o -name examples -o -name docs -o -name '.?*' \) \
  -type d -not -path '*/dist/*' -not -path "$library/node_modules" -exec rm -rf {} +
find "$library/node_modules" -type f \( -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' -o -name '.*' -o -name '*.sh' -o -name '*.html' -o -name '*.md' \) -not -iname 'licen[cs]e*' -delete
rm -f "$library"/node_modules/*/bin.{js,mjs}
# Commands of libraries.
rm -rf "$library"/node_modules/{mailauth/bin,tldts/bin,fast-xml-parser/src/cli}
find "$library/node_modules" -type f -exec chmod 0644 {} +
find "$library/node_modules" -type d -empty -delete
(cd "$project" && for part in tsconfig.build.json src/console/tsconfig.build.json; do tsc -p "$part" --outDir "$library/dist" --sourceMap false; done)
node "$project/tools/bundle.ts" "$library/dist"
cp -r "$project/assets" "$library/assets"
# It is started by /usr/bin/rcptwise, with the Node beside it.
sed -i "1{/^#!/d}" "$library/dist/cli/main.js"
install -m 0755 "$project/node_modules/node/bin/node" "$library/bin/node"
strip --strip-unneeded "$library/bin/node"
install -D -m 0755 "$here/rcptwise.sh" "$root/usr/bin/rcptwise"

# Where an administrator looks for things.
install -D -m 0644 "$here/config.yaml" "$root/etc/rcptwise/config.yaml"
install -D -m 0644 -t "$root/lib/systemd/system" "$project/deploy/systemd/rcptwise.service" "$project/deploy/systemd/rcptwise.socket"
install -D -m 0644 -t "$root/lib/systemd/system/rcptwise.service.d" "$project"/deploy/systemd/rcptwise.service.d/*.conf.example
mkdir -p "$documents" "$root/usr/share/rcptwise"
cp -r "$project/grafana" "$root/usr/share/rcptwise/grafana"
cp -r "$project"/docs/. "$documents/"
cp "$project/README.md" "$project/CHANGELOG.md" "$documents/"
cp "$here/copyright" "$documents/copyright"
gzip -9n <"$here/changelog" >"$documents/changelog.gz"
node "$here/man-pages.mjs" "$root/usr/share/man/man1" node "$library/dist/cli/main.js"
gzip -9n "$root"/usr/share/man/man1/*.1 "$root"/usr/share/man/man5/*.5
complete() { node "$library/dist/cli/main.js" completion "$1" | install -D -m 0644 /dev/stdin "$root/usr/share/$2"; }
complete bash bash-completion/completions/rcptwise
complete zsh zsh/vendor-completions/_rcptwise
complete fish fish/vendor_completions.d/rcptwise.fish
cp "$work/sbom.json" "$documents/sbom.cdx.json"
install -D -m 0644 "$here/lintian-overrides" "$root/usr/share/lintian/overrides/rcptwise"
find "$root" -type d -exec chmod 0755 {} +
find "$root/usr/share" -type f -exec chmod 0644 {} +

# The package.
mkdir "$root/DEBIAN"
# In KiB as Debian counts: each file rounded up, each directory 1. Not as the file system here counts.
size=$(find "$root" -path "$root/DEBIAN" -prune -o \( -type f -printf '%s\n' -o -type d -printf '1\n' \) | awk '{ kib += int(($1 + 1023) / 1024) } END { print kib }')
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@SIZE@/$size/" "$here/control.in" >"$root/DEBIAN/control"
echo /etc/rcptwise/config.yaml >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do install -m 0755 "$here/$script" "$root/DEBIAN/$script"; done
(cd "$root" && find . -path ./DEBIAN -prune -o -path ./etc -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
package=$target/rcptwise_${version}_${architecture}.deb
case ${RCPTWISE_DEB_COMPRESSION:-xz} in
  gzip) options=(-Zgzip -z1) ;;
  *) options=(-Zxz --threads-max=1) ;;
esac
dpkg-deb --root-owner-group "${options[@]}" --build "$root" "$package" >/dev/null
cp "$work/sbom.json" "${package%.deb}.cdx.json"
(cd "$target" && sha256sum "$(basename "$package")" "$(basename "${package%.deb}.cdx.json")" >SHA256SUMS)
echo "$package"

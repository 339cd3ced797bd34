#!/usr/bin/env bash
# Makes a WebGPU adapter that needs no GPU: lavapipe of Mesa 25 (Debian's own in bookworm, 22.3, is refused by Dawn), unpacked
# beside the system's libraries, not installed. Prints the VK_DRIVER_FILES to run tests with:
#   VK_DRIVER_FILES=$(scripts/software-adapter.sh) npm test
# Needs Debian 12 or later, apt, and root (or the libraries already installed). The folder is kept: INGOT_ADAPTER, or ~/.cache/ingot/adapter.
set -euo pipefail
folder=${INGOT_ADAPTER:-${HOME:-/tmp}/.cache/ingot/adapter}
icd=$folder/lvp_icd.json
if [ ! -s "$icd" ]; then
  mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial" "$folder/unpacked"
  # The archive that this machine installs from; bookworm's own Mesa is too old, later releases' is not.
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  archive=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(SITE)' | awk -v release="$release" '$1 == release && $2 == "main" { print $3; exit }')
  [ -n "$archive" ] || { echo "apt knows no archive of '$release'" >&2; exit 1; }
  newer=$release; [ "$release" != bookworm ] || newer=bookworm-backports
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  for suite in $(printf '%s\n' "$release" "$newer" | sort -u); do
    echo "deb [signed-by=$key] $archive $suite main"
  done >"$folder/apt/sources.list"
  apt=(apt-get -qq -o "Dir::Etc::sourcelist=$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$folder/apt/lists" -o "Dir::Cache::archives=$folder/apt/archives" -o APT::Sandbox::User=root)
  "${apt[@]}" update >&2
  # What the driver links to comes with the stock packages; only the driver and its libdrm are newer.
  [ -e /usr/lib/x86_64-linux-gnu/libvulkan.so.1 ] || "${apt[@]}" install -y --no-install-recommends libvulkan1 >&2
  "${apt[@]}" install -y --no-install-recommends --download-only -t "$newer" mesa-vulkan-drivers >&2
  for package in "$folder"/apt/archives/*.deb; do dpkg-deb -x "$package" "$folder/unpacked"; done
  libraries=$folder/unpacked/usr/lib/x86_64-linux-gnu
  manifest=$(ls "$folder"/unpacked/usr/share/vulkan/icd.d/lvp_icd.*json | head -n 1)
  sed "s|\"library_path\": *\"[^\"]*\"|\"library_path\": \"$libraries/libvulkan_lvp.so\"|" "$manifest" >"$icd.new"
  if LD_LIBRARY_PATH=$libraries ldd "$libraries/libvulkan_lvp.so" | grep -q 'not found'; then
    "${apt[@]}" install -y --no-install-recommends -t "$release" mesa-vulkan-drivers >&2
  fi
  missing=$(LD_LIBRARY_PATH=$libraries ldd "$libraries/libvulkan_lvp.so" | grep 'not found' || true)
  [ -z "$missing" ] || { echo "the driver lacks libraries: $missing" >&2; exit 1; }
  mv "$icd.new" "$icd"
fi
echo "$icd"

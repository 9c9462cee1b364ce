# Writes fleet.spec: 300 binary packages of one source package, every thirtieth with 400 files.
cat <<'H'
Name:           fleet
Version:        2.0
Release:        1%{?dist}
Summary:        Many packages
License:        Apache-2.0
Vendor:         Plimsoll Tests
BuildArch:      noarch

%description
Many packages, some with long file lists.
H
for i in $(seq -w 1 300); do
printf '\n%%package -n ship%s\nSummary: Ship %s\n%%description -n ship%s\nShip %s.\n' $i $i $i $i
done
printf '\n%%install\n'
for i in $(seq -w 1 300); do
  n=1; [ $((10#$i % 30)) = 0 ] && n=250
  printf 'mkdir -p %%{buildroot}/usr/share/ship%s; for f in $(seq 1 %s); do echo > %%{buildroot}/usr/share/ship%s/cargo-number-$f; done\n' $i $n $i
done
for i in $(seq -w 1 300); do printf '\n%%files -n ship%s\n/usr/share/ship%s\n' $i $i; done

"""Writes advisories in the layout of the OSV bucket, or changes one record of such a folder.

bucket.py make FROM TO ECOSYSTEM...   from a folder of zips or of loose records; `all.zip`, `modified_id.csv`, single records
bucket.py change TO ECOSYSTEM ID      the record is changed now: its `modified` is a day after the newest of all
bucket.py remove TO ECOSYSTEM ID      the record is gone
"""

import datetime
import json
import os
import sys
import zipfile


def records(folder):
    zipped = os.path.join(folder, "all.zip")
    if os.path.exists(zipped):
        with zipfile.ZipFile(zipped) as archive:
            return {name[:-5]: archive.read(name) for name in archive.namelist() if name.endswith(".json")}
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name), "rb") as file:
                found[name[:-5]] = file.read()
    return found


def write(path, data):
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)


def lay_out(folder, found, singles):
    """Zip and index; `singles` are written beside them."""
    os.makedirs(folder, exist_ok=True)
    for name in singles:
        write(os.path.join(folder, name + ".json"), found[name])
    with zipfile.ZipFile(os.path.join(folder, "all.zip.part"), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name in sorted(found):
            archive.writestr(zipfile.ZipInfo(name + ".json"), found[name], zipfile.ZIP_DEFLATED)
    os.replace(os.path.join(folder, "all.zip.part"), os.path.join(folder, "all.zip"))
    rows = sorted(((json.loads(data)["modified"], name) for name, data in found.items()), reverse=True)
    write(os.path.join(folder, "modified_id.csv"), "".join(f"{when},{name}\n" for when, name in rows).encode())


def main():
    action, *rest = sys.argv[1:]
    if action == "make":
        source, target, *ecosystems = rest
        for ecosystem in ecosystems:
            found = records(os.path.join(source, ecosystem))
            lay_out(os.path.join(target, ecosystem), found, found)
        write(os.path.join(target, "ecosystems.txt"), "".join(e + "\n" for e in ecosystems).encode())
        return
    target, ecosystem, name = rest
    folder = os.path.join(target, ecosystem)
    found = records(folder)
    if action == "remove":
        del found[name]
        os.remove(os.path.join(folder, name + ".json"))
        lay_out(folder, found, [])
        return
    newest = max(json.loads(data)["modified"] for data in found.values())
    day = datetime.datetime.fromisoformat(newest.replace("Z", "+00:00")[:19] + "+00:00") + datetime.timedelta(days=1)
    record = json.loads(found[name])
    record["modified"] = day.strftime("%Y-%m-%dT%H:%M:%SZ")
    record["summary"] = "Changed a day later."
    found[name] = json.dumps(record).encode()
    lay_out(folder, found, [name])


main()

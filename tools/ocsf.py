#!/usr/bin/env python3
"""Writes down what the OCSF schema says of the classes that events are exported as: which attributes there are, which
must be there, and which numbers are known. A test holds every exported event against it.

    tools/ocsf.py CHECKOUT > crates/lazaret/tests/it/ocsf/schema.json

CHECKOUT is a folder with the files of https://github.com/ocsf/ocsf-schema at the version that is exported."""

import json
import pathlib
import sys

CLASSES = ["http_activity", "network_activity", "authentication", "account_change", "entity_management", "incident_finding"]


def main():
    root = pathlib.Path(sys.argv[1])
    read = lambda path: json.loads(path.read_text())
    dictionary = read(root / "dictionary.json")["attributes"]
    types = read(root / "dictionary.json")["types"]["attributes"]
    files = {}
    for folder in ("events", "objects", "profiles"):
        for path in root.glob(f"{folder}/**/*.json"):
            entry = read(path)
            files[folder, entry.get("name", path.stem)] = entry
    by_path = {str(path.relative_to(root)): read(path) for path in root.glob("**/*.json")}

    def whole(folder, name):
        entry = files[folder, name]
        base = entry.get("extends")
        attributes, constraints, profiles = {}, {}, []
        if base:
            inherited = whole(folder, base)
            attributes, constraints, profiles = dict(inherited[0]), dict(inherited[1]), list(inherited[2])
        own = dict(entry["attributes"])
        included = own.pop("$include", [])
        for path in included:
            for attribute, told in by_path[path]["attributes"].items():
                # What a profile asks for is asked of events that say that they have it.
                attributes[attribute] = {**told, "requirement": "optional"}
        profiles += entry.get("profiles", [])
        for profile in entry.get("profiles", []):
            found = files.get(("profiles", profile))
            if found:
                for attribute, told in found["attributes"].items():
                    if attribute != "$include":
                        attributes.setdefault(attribute, {**told, "requirement": "optional"})
        for attribute, told in own.items():
            before = attributes.get(attribute, {})
            merged = {**before, **told}
            if "enum" in before or "enum" in told:
                merged["enum"] = {**before.get("enum", {}), **told.get("enum", {})}
            # Whoever redeclares an attribute without saying so leaves its requirement as it was.
            if told.get("requirement") is None and "requirement" in before:
                merged["requirement"] = before["requirement"]
            attributes[attribute] = merged
        if "constraints" in entry:
            constraints = entry["constraints"]
        return attributes, constraints, profiles

    objects, wanted = {}, []

    def described(folder, name):
        attributes, constraints, _ = whole(folder, name)
        told = {}
        for attribute, own in sorted(attributes.items()):
            general = dictionary.get(attribute, {})
            kind = own.get("type") or general.get("type")
            entry = {"type": kind}
            if own.get("is_array", general.get("is_array")):
                entry["array"] = True
            if own.get("requirement") == "required":
                entry["required"] = True
            numbers = {**(general.get("enum") or {}), **(own.get("enum") or {})}
            # Numbers of classes and categories are compared with the class itself.
            if numbers and attribute not in ("class_uid", "category_uid"):
                entry["enum"] = sorted(numbers, key=lambda number: (len(number), number))
            object_type = own.get("object_type") or general.get("object_type") or (kind if ("objects", kind) in files else None)
            if object_type:
                entry["type"] = object_type
                wanted.append(object_type)
            elif kind in types:
                entry["type"] = types[kind].get("type", kind)
            told[attribute] = entry
        return {"attributes": told, "constraints": constraints}

    classes = {}
    categories = read(root / "categories.json")["attributes"]
    for name in CLASSES:
        entry = files["events", name]
        category, up = entry.get("category"), entry
        while category is None:
            up = files["events", up["extends"]]
            category = up.get("category")
        number = categories[category]["uid"]
        told = described("events", name)
        classes[str(number * 1000 + entry["uid"])] = {"name": entry["caption"], "category": number, **told}
    # Only the objects that an exported event may hold, and not those that they could hold in turn without end.
    used = ["metadata", "product", "http_request", "url", "network_endpoint", "file", "fingerprint", "actor", "user", "policy",
            "service", "managed_entity", "finding_info", "api"]
    for name in used:
        objects[name] = described("objects", name)
    json.dump({"version": read(root / "version.json")["version"], "classes": classes, "objects": objects}, sys.stdout,
              separators=(",", ":"), sort_keys=True)
    print()


main()

//! Scenes, models, recordings, cuts, layouts, drawings and maps: whoever shows or plays one takes textures, materials, sounds, films and
//! layers from where it says.

use super::{SHARED, share};
use crate::Findings;
use lazaret_model::{Class, Part, on_this_machine};

/// Kinds of such files (COLLADA, X3D, VRML, Universal Scene Description).
const KINDS: &[&str] = &["dae", "x3d", "wrl", "usd"];
/// How others are called: glTF, Wavefront, MaterialX, lists of what is on a disc; cuts of films and sound (MLT, Kdenlive, OpenShot, Final
/// Cut, REAPER, OpenTimelineIO), layouts of Scribus, drawings of AutoCAD, maps and layers of QGIS and GDAL.
const NAMES: &[&str] = &[
    "gltf", "vrm", "obj", "mtl", "mtlx", "wrl", "vrml", "x3dv", "x3d", "dae", "usda", "usd", "cue", "mlt", "kdenlive",
    "osp", "fcpxml", "rpp", "otio", "sla", "dxf", "qgs", "qlr", "vrt",
];

/// Bytes of a file that is looked at.
const MOST: u64 = 32 << 20;

/// Whether the part is one of them.
pub(super) fn taken(part: &Part) -> bool {
    // LIMIT: larger ones are the rule where places are measured, and are not to wait for this; see LIMITATIONS.md.
    if part.size > MOST {
        return false;
    }
    let may_be = !part.kind.class.runs() && !matches!(part.kind.class, Class::Archive | Class::DiskImage);
    KINDS.iter().any(|kind| part.is(kind)) || may_be && part.named && NAMES.contains(&&*part.extension())
}

/// Says where it takes something from a share.
pub(super) fn look(part: &Part, text: &str, findings: &mut Findings) {
    let mut lower = text.to_lowercase();
    if part.is("json") || lower.trim_start().starts_with('{') {
        lower = lower.replace("\\/", "/").replace("\\\\", "\\");
    }
    // Universal Scene Description has places between two of these signs, which stand in names of shares as well.
    if part.is("usd") || lower.starts_with("#usda") {
        lower = lower.replace("@\\\\", " \\\\").replace("@file:", " file:").replace("@//", " //");
    }
    let places = SHARED.captures_iter(&lower).filter_map(|found| found.name("place"));
    for place in places.filter(|place| !on_this_machine(place.as_str())) {
        share(place.as_str(), "whoever shows it takes a part of it from another machine's files", findings);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shortcuts;
    use crate::detectors::test_part::{check_part, part};
    use lazaret_model::{Class, Kind};

    #[test]
    fn scenes_that_take_something_from_a_share_are_found() {
        const TOLD: &[&str] = &["shortcut.remote-target medium"];
        for (name, kind, text, expected) in [
            ("a.gltf", "json", r#"{"images": [{"uri": "file:\/\/host.invalid\/s\/a.png"}]}"#, TOLD),
            ("a.gltf", "json", r#"{"buffers": [{"uri": "\\\\host.invalid\\s\\a.bin"}]}"#, TOLD),
            ("a.mtl", "text", "newmtl a\nmap_Kd \\\\host.invalid\\s\\a.png\n", TOLD),
            ("a.obj", "text", "mtllib \\\\host.invalid\\s\\a.mtl\nv 0 0 0\n", TOLD),
            ("a.dae", "dae", "<init_from>file://host.invalid/s/a.png</init_from>", TOLD),
            ("a.x3d", "x3d", "<Inline url='file://host.invalid/s/a'/>", TOLD),
            ("a.usda", "usd", "#usda 1.0\n(\n subLayers = [@\\\\host.invalid\\s\\a.usd@]\n)\n", TOLD),
            ("a.cue", "text", "FILE \"\\\\host.invalid\\s\\a.wav\" WAVE\n", TOLD),
            ("a.mlt", "xml", "<property name=\"resource\">\\\\host.invalid\\s\\a.mp4</property>", TOLD),
            ("a.otio", "json", r#"{"target_url": "file:\/\/host.invalid\/s\/a.mp4"}"#, TOLD),
            ("a.rpp", "text", "<SOURCE WAVE\n  FILE \"\\\\host.invalid\\s\\a.wav\"\n>\n", TOLD),
            ("a.dxf", "dxf", "  1\n\\\\host.invalid\\s\\a.dwg\n  2\n", TOLD),
            ("a.vrt", "xml", "<SourceFilename>\\\\host.invalid\\s\\a.tif</SourceFilename>", TOLD),
            ("a.fcpxml", "xml", "<media-rep src=\"file:///Volumes/a/b.mov\"/>", &[]),
            ("a.kdenlive", "xml", "<property name=\"resource\">C:\\films\\a.mp4</property>", &[]),
            ("a.gltf", "json", r#"{"images": [{"uri": "a.png"}, {"uri": "https://host.invalid/a.png"}]}"#, &[]),
            ("a.mtl", "text", "newmtl a\nmap_Kd C:\\textures\\a.png\nmap_Ks \\\\nas\\a.png\n", &[]),
            ("a.dae", "dae", "<init_from>file:///C:/a/b.png</init_from>", &[]),
            ("a.txt", "text", "map_Kd \\\\host.invalid\\s\\a.png\n", &[]),
        ] {
            let mut part = part(kind);
            part.name = name.to_owned();
            part.kind = Kind::new(kind, Class::Data, "application/octet-stream");
            check_part(&Shortcuts, &part, text.as_bytes(), expected);
        }
    }
}

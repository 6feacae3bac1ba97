//! Marks of data, pictures and sound that are no text and that `file-format` does not know.

use super::probe::{Probe, be32_at, has, u16_at, u32_at, u64_at};

/// Offset, bytes, kind. Letters count only where the rest is no text, and where [`fits`] agrees.
const MARKS: &[(usize, &[u8], &str)] = &[
    // Unidata, "File Format Specifications": classic, 64-bit offset, 64-bit data.
    (0, b"CDF\x01", "netcdf"),
    (0, b"CDF\x02", "netcdf"),
    (0, b"CDF\x05", "netcdf"),
    // NASA, "CDF Internal Format Description": version 3, and whether it is packed.
    (0, b"\xcd\xf3\0\x01\0\0\xff\xff", "nasa-cdf"),
    (0, b"\xcd\xf3\0\x01\xcc\xcc\0\x01", "nasa-cdf"),
    // WMO No. 306, FM 92 and FM 94.
    (0, b"GRIB", "grib"),
    (0, b"BUFR", "bufr"),
    // ASPRS LAS 1.4.
    (0, b"LASF", "las"),
    // ASTM E2807.
    (0, b"ASTM-E57", "e57"),
    (0, b"# .PCD v", "pcd"),
    // NIfTI-1 and -2: `magic`, behind the header of Analyze.
    (344, b"n+1\0", "nifti"),
    (344, b"ni1\0", "nifti"),
    (4, b"n+2\0\r\n\x1a\n", "nifti"),
    (0, b"NRRD000", "nrrd"),
    (0, b"ObjectType = Image", "metaimage"),
    // CCP4, "MRC2014".
    (208, b"MAP ", "mrc"),
    (0, b"# vtk DataFile Version ", "vtk"),
    (0, b" BDV\0\0\0\0", "openvdb"),
    (0, b"Ogawa\xff", "alembic"),
    // MathWorks, "MAT-File Format", 1-6.
    (0, b"MATLAB 5.0 MAT-file", "mat"),
    (0, b"MATLAB 7.3 MAT-file", "mat"),
    (0, b"Octave-1-L", "octave-data"),
    (0, b"Octave-1-B", "octave-data"),
    // R Internals, 1.8: serialisation in XDR, alone or behind the mark of `save`.
    (0, b"X\n\0\0\0\x02", "r-data"),
    (0, b"X\n\0\0\0\x03", "r-data"),
    (0, b"RDX2\nX\n\0\0\0", "r-data"),
    (0, b"RDX3\nX\n\0\0\0", "r-data"),
    // The same as lines of digits, and in the order of bytes of the machine that wrote it.
    (0, b"RDA2\nA\n2\n", "r-data"),
    (0, b"RDA3\nA\n3\n", "r-data"),
    (0, b"RDB2\nB\n\x02\0\0\0", "r-data"),
    (0, b"RDB3\nB\n\x03\0\0\0", "r-data"),
    (0, b"B\n\x02\0\0\0", "r-data"),
    (0, b"B\n\x03\0\0\0", "r-data"),
    // PSPP, "System File Format".
    (0, b"$FL2@(#)", "spss"),
    (0, b"$FL3@(#)", "spss"),
    // SAS TS-140.
    (0, b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!", "sas-xport"),
    (0, b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!", "sas-xport"),
    // BioSemi's form of EDF, with samples of 24 bits.
    (0, b"\xffBIOSEMI", "edf"),
    (2, b"HeaderID", "esrf-edf"),
    (2, b"EDF_DataBlockID", "esrf-edf"),
    // ISAC, "Data File Standard": the version and four blanks.
    (0, b"FCS2.0    ", "fcs"),
    (0, b"FCS3.0    ", "fcs"),
    (0, b"FCS3.1    ", "fcs"),
    (0, b"FCS3.2    ", "fcs"),
    // SAMv1 4.2 and 5.2, VCFv4.3 6, CSIv1, Tabix, CRAM v3; UCSC bigWig, bigBed and 2bit; ABIF.
    (0, b"BAM\x01", "genome"),
    (0, b"BAI\x01", "genome"),
    (0, b"BCF\x02", "genome"),
    (0, b"CSI\x01", "genome"),
    (0, b"TBI\x01", "genome"),
    (0, b"CRAM\x02", "genome"),
    (0, b"CRAM\x03", "genome"),
    (0, b"\x26\xfc\x8f\x88", "genome"),
    (0, b"\x88\x8f\xfc\x26", "genome"),
    (0, b"\xeb\xf2\x89\x87", "genome"),
    (0, b"\x87\x89\xf2\xeb", "genome"),
    (0, b"\x43\x27\x41\x1a\0\0\0\0", "genome"),
    (0, b"\x1a\x41\x27\x43\0\0\0\0", "genome"),
    (0, b"ABIF\0", "genome"),
    (0, b"FEA1", "feather"),
    (0, b"ORC", "orc"),
    (8, b"DUCK", "duckdb"),
    // SQLite, "File Format", 3.2 and 4.1.
    (0, b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "sqlite-log"),
    (0, b"\x37\x7f\x06\x82\0\x2d\xe2\x18", "sqlite-log"),
    (0, b"\x37\x7f\x06\x83\0\x2d\xe2\x18", "sqlite-log"),
    (0, b"PMTiles\x03", "pmtiles"),
    (0, b"fgb\x03fgb", "flatgeobuf"),
    // Length of the header, then its type as a field of protobuf.
    (4, b"\x0a\x09OSMHeader", "osm-pbf"),
    // Calma GDSII: records HEADER and BGNLIB; SEMI P39.
    (0, b"\0\x06\0\x02", "gdsii"),
    (0, b"%SEMI-OASIS\r\n", "oasis-layout"),
    (4, b"TFL3", "tflite"),
    (0, b"GGUF", "gguf"),
    (0, b"TDSm", "tdms"),
    (0, b"MDF     3.", "mdf"),
    (0, b"MDF     4.", "mdf"),
    (0, b"#ROSBAG V2.0\n", "rosbag"),
    (0, b"\x89MCAP0\r\n", "mcap"),
    (0, b"RRD\x000", "rrd"),
    (0, b"root", "root"),
    // ICU `udata.h`: length of the header, two bytes, length of `UDataInfo`.
    (2, b"\xda\x27\x14\0", "icu-data"),
    (2, b"\xda\x27\0\x14", "icu-data"),
    // GnuPG `kbx/keybox-blob.c`: the first blob.
    (8, b"KBXf", "pgp-keybox"),
    // GIMP `devel-docs/pat.txt`.
    (20, b"GPAT", "gimp-pattern"),
    // LibreOffice `galobj.cxx`.
    (0, b"SGA3", "gallery-thumbnails"),
    // `vcl/source/gdi/gdimtf.cxx`.
    (0, b"VCLMTF", "svm"),
    // DVI: `pre`, version 2, and the units of TeX (DVItype, 15).
    (0, b"\xf7\x02\x01\x83\x92\xc0\x1c\x3b\0\0", "dvi"),
    (60, b"TEXtREAd", "mobi"),
    (0, b"caff\0\x01\0\0", "caf"),
    (8, b"DLS ", "dls"),
    (8, b"RMID", "mid"),
    (8, b"ILBM", "ilbm"),
    (8, b"PBM ", "ilbm"),
    (0, b"\x18FICHIER GUITAR PRO v", "guitar-pro"),
    (0, b"DKIF\0\0\x20\0", "ivf"),
    (0, b"YUV4MPEG2 ", "y4m"),
    (0, b"sB", "basis"),
    (0, b"PVR\x03", "pvr"),
    (0, b"FOVb", "x3f"),
    (0, b"\0MRM", "mrw"),
    (0, b"XISF0100", "xisf"),
    (0, b"NITF02.", "nitf"),
    (0, b"NSIF01.", "nitf"),
    (0, b"EHFA_HEADER_TAG\0", "erdas"),
    // Qt `rcc.cpp`, `RCCResourceLibrary::writeHeader`.
    (0, b"qres\0\0\0", "qt-resource"),
    // HOOMD-blue, "GSD file layer".
    (0, b"\xdf\x65\xdf\x65\xdf\x65\xdf\x65", "gsd"),
    // UCSC `nib`, and `2bit` with places of eight bytes; 454 Life Sciences, "Standard Flowgram Format"; Staden, "SCF".
    (0, b"\x6b\xe9\x3d\x3a", "genome"),
    (0, b"\x3a\x3d\xe9\x6b", "genome"),
    (0, b"\x43\x27\x41\x1a\x01\0\0\0", "genome"),
    (0, b"\x1a\x41\x27\x43\0\0\0\x01", "genome"),
    (0, b".sff\0\0\0\x01", "genome"),
    (0, b"\x09\0\0\0\x0eSnapGene", "snapgene"),
    // MNE, "FIF file": the first tag says which file it is, in five numbers.
    (0, b"\0\0\0\x64\0\0\0\x1f\0\0\0\x14", "fif"),
    (0, b"\xff\xff\xfecreated by ", "freesurfer-surface"),
    (0, b"TRACK\0", "trackvis"),
    (0, b"mrtrix tracks", "mrtrix"),
    (0, b"mrtrix image", "mrtrix"),
    // LIGO-T970130.
    (0, b"IGWD\0", "gwf"),
    // Gmsh, "MSH file format": binary.
    (0, b"$MeshFormat\n", "gmsh"),
    // Intergraph, "Standard File Formats": an element of type 8 or 9, which begins a design.
    (0, b"\x08\x05\xfe\x02", "dgn"),
    (0, b"\x08\x09\xfe\x02", "dgn"),
    (0, b"\xc8\x05\xfe\x02", "dgn"),
    (0, b"\xc8\x09\xfe\x02", "dgn"),
    (0, b"VjCD0100", "chemdraw"),
    (8, b"RSA1\0", "ms-key-blob"),
    (8, b"RSA2\0", "ms-key-blob"),
    // Chromium, `hunspell/google/bdict.h`.
    (0, b"BDic\x02\0", "bdic"),
    (0, b"\x59\xa6\x6a\x95\0\0", "sun-raster"),
    (0, b"\xb1\x68\xde\x3a", "dcx"),
    (2048, b"PCD_IPI", "photo-cd"),
    (0, b"\x80\xe8\0\0\x01\0", "pixar-raster"),
    (0, b"BLP1", "blp"),
    (0, b"BLP2", "blp"),
    (0, b"Image type: ", "ifunc-image"),
    (0, b"PILfont\n", "pil-font"),
    // Gravis, "GF1 patch file".
    (0, b"GF1PATCH1", "gus-patch"),
    (0, b"SDIF\0\0\0\x08", "sdif"),
    (12, b"DSD ", "dsdiff"),
    (0, b"OFR ", "optimfrog"),
    (0, b"[NoteWorthy ArtWare]\0", "noteworthy"),
    (0, b"[NWZ]\0", "noteworthy"),
    (0, b"ENIGMA BINARY FILE", "finale"),
    (8, b"Egg!", "after-effects"),
    // HP PCL 5, chapter 3: reset, and another command; PJL, 1: leave whatever language it is.
    (0, b"\x1bE\x1b", "pcl"),
    (0, b"\x1b%-12345X", "pcl"),
];

/// What bytes are that are no text, by a mark.
pub(super) fn kind(probe: &Probe<'_>) -> Option<&'static str> {
    let head = probe.head();
    let found = MARKS
        .iter()
        .find(|(at, mark, id)| head.get(*at..).is_some_and(|rest| rest.starts_with(mark)) && fits(id, probe));
    found.map(|(.., id)| *id)
}

/// Whether the fields beside a short mark are what the format has there.
fn fits(id: &str, probe: &Probe<'_>) -> bool {
    let head = probe.head();
    let byte = |at: usize| head.get(at).copied().unwrap_or(u8::MAX);
    match id {
        "grib" => matches!(byte(7), 1 | 2),
        "bufr" => byte(7) <= 4,
        "las" => byte(24) == 1 && byte(25) <= 4 && u16_at(head, 94).is_some_and(|size| size >= 227),
        // The header's own length, in either order.
        "nifti" => [&b"\x5c\x01\0\0"[..], b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\0\0\x02\x1c"]
            .iter()
            .any(|length| head.starts_with(length)),
        // The order of bytes, and how values are stored.
        "mrc" => matches!((byte(212), byte(213)), (0x44, 0x41 | 0x44) | (0x11, 0x11)),
        "mat" => matches!(head.get(126..128), Some(b"IM" | b"MI")),
        "r-data" if !head.starts_with(b"X") && !head.starts_with(b"RDX") => true,
        "r-data" => {
            let numbers = if head.starts_with(b"X") { 6 } else { 11 };
            // The version of R that wrote it, and the one that it takes to read it.
            [0, 4].iter().all(|by| be32_at(head, numbers + by).is_some_and(|version| version >> 16 <= 16))
        }
        "esrf-edf" => head.starts_with(b"{\n") && has(head, b"ByteOrder"),
        "orc" => {
            let (_, tail) = probe.tail(4);
            probe.sees_all() && tail.starts_with(b"ORC")
        }
        "duckdb" => u64_at(head, 12).is_some_and(|version| version < 1 << 16),
        "gdsii" => head.get(6..10) == Some(b"\0\x1c\x01\x02"),
        "gguf" => matches!(u32_at(head, 4), Some(1..=3)) || matches!(be32_at(head, 4), Some(1..=3)),
        "root" => be32_at(head, 8) == Some(100),
        "icu-data" => byte(8) <= 1 && byte(9) <= 1 && byte(10) == 2,
        "gimp-pattern" => be32_at(head, 0).is_some_and(|size| size >= 24) && be32_at(head, 4) == Some(1),
        "dls" | "mid" => head.starts_with(b"RIFF"),
        "ilbm" => head.starts_with(b"FORM"),
        // The version: no letters of a script.
        "x3f" => u16_at(head, 4).zip(u16_at(head, 6)).is_some_and(|(minor, major)| minor <= 16 && major <= 16),
        "y4m" => has(head, b"\nFRAME"),
        "basis" => head.get(3..6) == Some(b"\0\x4d\0"),
        "qt-resource" => matches!(byte(7), 1..=3) && [8, 12, 16].iter().all(|at| within(be32_at(head, *at), probe)),
        "trackvis" => [u32_at(head, 996), be32_at(head, 996)].contains(&Some(1000)),
        "gmsh" => has(head, b"$EndMeshFormat"),
        "dgn" => probe.len() > 1536 && (1..=0x3f).contains(&byte(4)),
        "ms-key-blob" => matches!(head.get(..4), Some([6 | 7, 2, 0, 0])),
        "photo-cd" => {
            head.starts_with(&[0xff; 32]) || head.get(..2048).is_some_and(|front| front.iter().all(|b| *b == 0))
        }
        // How the picture is packed.
        "blp" => matches!(u32_at(head, 4), Some(0..=3)),
        "ifunc-image" => head.get(511) == Some(&0x1a),
        "gus-patch" => byte(11) == 0 && head.get(12..22) == Some(b"ID#000002\0"),
        "dsdiff" => head.starts_with(b"FRM8"),
        "optimfrog" => u32_at(head, 4).is_some_and(|length| (12..=256).contains(&length)),
        "after-effects" => head.starts_with(b"RIFX"),
        _ => true,
    }
}

/// Whether a place that is stated lies within the file.
fn within(place: Option<u32>, probe: &Probe<'_>) -> bool {
    place.is_some_and(|place| !probe.sees_all() || u64::from(place) <= probe.len())
}

#[cfg(test)]
mod tests {
    use super::MARKS;
    use crate::kinds::kind;
    use crate::{Content, identify};

    fn is(bytes: &[u8]) -> String {
        identify(&Content::from(bytes)).unwrap().kind.id.to_string()
    }

    /// Pieces at places, in zeros, and something behind them.
    fn with(pieces: &[(usize, &[u8])]) -> Vec<u8> {
        let mut out = vec![0; 400];
        for (at, piece) in pieces {
            out[*at..at + piece.len()].copy_from_slice(piece);
        }
        out.extend(b"\x9b\x01\xff\x80");
        out
    }

    #[test]
    fn data_of_sciences_maps_and_models_is_known_by_its_mark_and_what_stands_beside_it() {
        // A stand-in, its kind, and a byte without which it is nothing that is known.
        for (pieces, kind, needed) in [
            (&[(0, &b"CDF\x01"[..])][..], "netcdf", 3),
            (&[(0, b"\xcd\xf3\0\x01\0\0\xff\xff")], "nasa-cdf", 0),
            (&[(0, b"GRIB\0\0\x40\x02")], "grib", 7),
            (&[(0, b"BUFR\0\0\x40\x04")], "bufr", 7),
            (&[(0, b"LASF"), (24, b"\x01\x02"), (94, b"\xe3\0")], "las", 24),
            (&[(0, b"ASTM-E57\x01\0")], "e57", 5),
            (&[(0, b"# .PCD v0.7 - Point Cloud Data\nDATA binary\n")], "pcd", 7),
            (&[(0, b"\x5c\x01\0\0"), (344, b"n+1\0")], "nifti", 0),
            (&[(0, b"\x1c\x02\0\0n+2\0\r\n\x1a\n")], "nifti", 5),
            (&[(0, b"NRRD0005\ntype: float\nencoding: raw\n\n")], "nrrd", 3),
            (&[(0, b"ObjectType = Image\nNDims = 3\n")], "metaimage", 13),
            (&[(208, b"MAP \x44\x44")], "mrc", 212),
            (&[(0, b"# vtk DataFile Version 3.0\nx\nBINARY\n")], "vtk", 3),
            (&[(0, b" BDV\0\0\0\0\xe0")], "openvdb", 2),
            (&[(0, b"Ogawa\xff\0\x01")], "alembic", 4),
            (&[(0, b"MATLAB 5.0 MAT-file, Platform: x"), (124, b"\0\x01IM")], "mat", 126),
            (&[(0, b"X\n\0\0\0\x03\0\x04\x03\x01\0\x03\x05\0")], "r-data", 5),
            (&[(0, b"RDX3\nX\n\0\0\0\x03\0\x04\x03\x01\0\x03\x05\0")], "r-data", 2),
            (&[(0, b"$FL2@(#) IBM SPSS STATISTICS")], "spss", 1),
            (&[(0, b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!0000")], "sas-xport", 30),
            (&[(0, b"\xffBIOSEMI")], "edf", 4),
            (&[(0, b"{\nHeaderID = EH:000001 ;\nByteOrder = LowByteFirst ;\n}\n")], "esrf-edf", 0),
            (&[(0, b"FCS3.1    ")], "fcs", 5),
            (&[(0, b"BAM\x01")], "genome", 3),
            (&[(0, b"\x26\xfc\x8f\x88")], "genome", 1),
            (&[(0, b"FEA1")], "feather", 2),
            (&[(8, b"DUCK\x40")], "duckdb", 8),
            (&[(0, b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")], "sqlite-log", 4),
            (&[(0, b"PMTiles\x03")], "pmtiles", 7),
            (&[(0, b"fgb\x03fgb\0")], "flatgeobuf", 3),
            (&[(0, b"\0\0\0\x0d\x0a\x09OSMHeader\x18")], "osm-pbf", 6),
            (&[(0, b"\0\x06\0\x02\x02\x58\0\x1c\x01\x02")], "gdsii", 8),
            (&[(0, b"%SEMI-OASIS\r\n\x01")], "oasis-layout", 6),
            (&[(0, b"\x1c\0\0\0TFL3")], "tflite", 7),
            (&[(0, b"GGUF\x03\0\0\0")], "gguf", 4),
            (&[(0, b"TDSm\x0e\0\0\0")], "tdms", 3),
            (&[(0, b"MDF     4.10    ")], "mdf", 8),
            (&[(0, b"#ROSBAG V2.0\n\x45\0")], "rosbag", 8),
            (&[(0, b"\x89MCAP0\r\n\x01")], "mcap", 5),
            (&[(0, b"RRD\x000003\0")], "rrd", 1),
            (&[(0, b"root\0\0\xf4\x24\0\0\0\x64")], "root", 11),
            (&[(0, b"\x20\0\xda\x27\x14\0\0\0\0\0\x02\0CmnD")], "icu-data", 3),
            (&[(0, b"\0\0\0\x20\x01\x01\0\x02KBXf")], "pgp-keybox", 8),
            (&[(0, b"\0\0\0\x1d\0\0\0\x01\0\0\0\x40\0\0\0\x40\0\0\0\x03GPATx\0")], "gimp-pattern", 7),
            (&[(0, b"SGA3\x04\0\x05\0")], "gallery-thumbnails", 3),
            (&[(0, b"VCLMTF\x01\0")], "svm", 5),
            (&[(0, b"\xf7\x02\x01\x83\x92\xc0\x1c\x3b\0\0\0\0\x03\xe8")], "dvi", 2),
            (&[(0, b"A book"), (60, b"TEXtREAd")], "mobi", 62),
            (&[(0, b"caff\0\x01\0\0desc")], "caf", 2),
            (&[(0, b"RIFF\x40\0\0\0DLS ")], "dls", 0),
            (&[(0, b"FORM\0\0\0\x40ILBMBMHD")], "ilbm", 0),
            (&[(0, b"\x18FICHIER GUITAR PRO v5.00\0")], "guitar-pro", 9),
            (&[(0, b"DKIF\0\0\x20\0VP80")], "ivf", 6),
            (&[(0, b"YUV4MPEG2 W16 H16\nFRAME\n")], "y4m", 8),
            (&[(0, b"sB\x13\0\x4d\0")], "basis", 4),
            (&[(0, b"XISF0100\0")], "xisf", 4),
            (&[(0, b"NITF02.10")], "nitf", 1),
            (&[(0, b"EHFA_HEADER_TAG\0")], "erdas", 8),
            (&[(0, b"qres\0\0\0\x03\0\0\0\x40\0\0\0\x18\0\0\0\x20")], "qt-resource", 7),
            (&[(0, b"\xdf\x65\xdf\x65\xdf\x65\xdf\x65")], "gsd", 6),
            (&[(0, b".sff\0\0\0\x01")], "genome", 7),
            (&[(0, b"\x09\0\0\0\x0eSnapGene")], "snapgene", 9),
            (&[(0, b"\0\0\0\x64\0\0\0\x1f\0\0\0\x14")], "fif", 7),
            (&[(0, b"\xff\xff\xfecreated by lazaret on a day")], "freesurfer-surface", 5),
            (&[(0, b"mrtrix tracks\ncount: 3\nEND\n")], "mrtrix", 3),
            (&[(0, b"IGWD\0\x08")], "gwf", 2),
            (&[(0, b"$MeshFormat\n2.2 1 8\n\x01\0\0\0\n$EndMeshFormat\n")], "gmsh", 4),
            (&[(0, b"VjCD0100\x04\x03\x02\x01")], "chemdraw", 3),
            (&[(0, b"\x07\x02\0\0\0\x24\0\0RSA2\0\x04")], "ms-key-blob", 9),
            (&[(0, b"BDic\x02\0")], "bdic", 3),
            (&[(0, b"\x59\xa6\x6a\x95\0\0\0\x80")], "sun-raster", 2),
            (&[(0, b"\xb1\x68\xde\x3a\x04\x10")], "dcx", 3),
            (&[(0, b"BLP2\x01\0\0\0\x02\x08")], "blp", 5),
            (&[(0, b"PILfont\n;;;;;;16;\nDATA\n")], "pil-font", 3),
            (&[(0, b"GF1PATCH110\0ID#000002\0")], "gus-patch", 15),
            (&[(0, b"SDIF\0\0\0\x08")], "sdif", 7),
            (&[(0, b"FRM8\0\0\0\0\0\0\x08\x9aDSD FVER")], "dsdiff", 0),
            (&[(0, b"[NWZ]\0\x78\xda")], "noteworthy", 2),
            (&[(0, b"ENIGMA BINARY FILE\0")], "finale", 8),
            (&[(0, b"RIFX\0\x01\x6b\x58Egg!svap")], "after-effects", 9),
            (&[(0, b"\x1bE\x1b&l1X\x1b*b\0\xff")], "pcl", 2),
        ] {
            let mut bytes = with(pieces);
            assert_eq!(is(&bytes), kind);
            bytes[needed] ^= 0x40;
            assert_ne!(is(&bytes), kind, "without the byte at {needed}");
        }
        let table = [&b"ORC\x0a\x03"[..], &[0; 60], b"ORC\x10"].concat();
        assert_eq!((is(&table), is(&table[..64]) == "orc"), ("orc".to_owned(), false));
    }

    #[test]
    fn a_text_that_begins_like_data_is_a_text() {
        for text in ["GRIB, BUFR and netCDF are forms of weather data.\n", "root of all evil\n", "ORC and GGUF\n"] {
            assert_eq!(is(text.as_bytes()), "text", "{text}");
        }
    }

    #[test]
    fn commands_behind_a_few_letters_are_neither_pictures_nor_film() {
        for text in [&b"FOVb=1\nimport os\n#\0\x9b\xff"[..], b"YUV4MPEG2 W16\nls\nexit\n\0\x9b\xff"] {
            let kind = is(text);
            assert!(!matches!(kind.as_str(), "x3f" | "y4m"), "{kind}");
        }
        assert_eq!(is(&with(&[(0, b"FOVb\x02\0\x02\0")])), "x3f");
    }

    #[test]
    fn every_mark_has_a_row() {
        for (.., id) in MARKS {
            assert!(kind(id).is_some(), "{id}");
        }
    }
}

//! A fixed list of packages from public registries, whose documents, mails, pictures and libraries people exchange every day.

use std::path::Path;
use std::process::{Command, Stdio};

/// Packages of npm: web libraries, typefaces, pictures, data.
#[rustfmt::skip]
const NPM: &[&str] = &[
    "jquery@3.7.1", "bootstrap@5.3.3", "moment@2.30.1", "katex@0.16.11", "prismjs@1.29.0", "datatables.net@2.1.8", "quill@2.0.2",
    "video.js@8.19.1", "plotly.js-dist-min@2.35.2", "swagger-ui-dist@5.18.2", "mathjax@3.2.2", "pdfjs-dist@4.8.69",
    "shaka-player@4.12.3", "xlsx@0.18.5", "es-module-shims@1.10.1", "onnxruntime-web@1.20.1", "chart.js@4.4.6", "leaflet@1.9.4",
    "d3@7.9.0", "three@0.170.0", "lodash@4.17.21", "react-dom@18.3.1", "vue@3.5.13", "@fontsource/roboto@5.1.0",
    "bootstrap-icons@1.11.3", "flag-icons@7.2.3", "world-atlas@2.0.2", "mime-db@1.53.0", "emojibase-data@15.3.2",
];
/// Packages of PyPI that bring documents, mails and media of their tests, as sources.
#[rustfmt::skip]
const PYPI: &[&str] = &[
    "python-docx==1.1.2", "python-pptx==1.0.2", "openpyxl==3.1.5", "xlrd==2.0.1", "odfpy==1.4.1", "pypdf==5.1.0", "reportlab==4.2.5",
    "extract-msg==0.52.0", "flanker==0.9.11", "mail-parser==4.1.2", "icalendar==6.1.0", "vobject==0.9.8", "Pillow==11.0.0",
    "mutagen==1.47.0", "imageio==2.36.0", "fonttools==4.55.0", "nbformat==5.10.4", "tablib==3.7.0", "chardet==5.2.0", "pydicom==3.0.1",
];
/// Packages of Debian with manuals, examples and data.
#[rustfmt::skip]
const APT: &[&str] = &[
    "libreoffice-common", "doc-debian", "debian-reference-en", "octave-doc", "gnuplot-doc", "imagemagick-6-doc", "fonts-dejavu-core",
    "sound-theme-freedesktop", "gimp-data", "inkscape-tutorials",
];

/// Fetches what is missing and unpacks it below the folder, a folder for each package.
///
/// # Errors
/// A sentence when a folder cannot be written. A package that a registry does not have (any more) is told and left out.
pub(super) fn fetch(folder: &Path) -> Result<(), String> {
    let lists: [(&str, &[&str]); 3] = [("npm", NPM), ("pypi", PYPI), ("apt", APT)];
    for (registry, packages) in lists {
        for package in packages {
            let place = folder.join(registry).join(package.replace(['/', '@', '='], "_"));
            if place.is_dir() {
                continue;
            }
            let kept = folder.join(format!(".{registry}"));
            let _ = std::fs::remove_dir_all(&kept);
            std::fs::create_dir_all(&kept).map_err(|error| format!("`{}`: {error}", kept.display()))?;
            let fetched = match registry {
                "npm" => in_folder(&kept, "npm", &["pack", "--silent", package]),
                "pypi" => {
                    in_folder(
                        &kept,
                        "pip",
                        &["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", package],
                    ) || in_folder(&kept, "pip", &["download", "--quiet", "--no-deps", package])
                }
                _ => in_folder(&kept, "apt-get", &["download", "-qq", package]),
            };
            if !fetched || !unpack(&kept, &place)? {
                eprintln!("honest: `{package}` could not be had from {registry} and is left out");
                let _ = std::fs::remove_dir_all(&place);
            }
            let _ = std::fs::remove_dir_all(&kept);
        }
    }
    Ok(())
}

/// Unpacks every archive of a folder.
fn unpack(from: &Path, to: &Path) -> Result<bool, String> {
    std::fs::create_dir_all(to).map_err(|error| format!("`{}`: {error}", to.display()))?;
    let mut any = false;
    for entry in std::fs::read_dir(from).map_err(|error| error.to_string())?.flatten() {
        let (path, name) = (entry.path().display().to_string(), entry.file_name().to_string_lossy().into_owned());
        let target = to.display().to_string();
        let done = if name.ends_with(".deb") {
            in_folder(to, "dpkg-deb", &["-x", &path, &target])
        } else if name.ends_with(".whl") || name.ends_with(".zip") {
            in_folder(to, "python3", &["-m", "zipfile", "-e", &path, &target])
        } else {
            in_folder(to, "tar", &["--extract", "--no-same-owner", "--file", &path])
        };
        any |= done;
    }
    Ok(any)
}

fn in_folder(folder: &Path, program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

//! `lazaret library layer`.

use crate::cli::{Common, LayerOptions};
use crate::display::{self, plain};
use crate::failure::Failure;
use lazaret_attack::{Choice, entry_layer, layer_upgraded, read_layers};
use std::process::ExitCode;

pub(crate) async fn run(common: &Common, options: &LayerOptions) -> Result<ExitCode, Failure> {
    let catalog = super::catalog(common).await?;
    if let Some(id) = &options.of {
        let Some(found) = super::find(&catalog, id, &super::choice(&options.which)).await? else {
            return Ok(ExitCode::from(1));
        };
        crate::display::pretty_json(&entry_layer(&found))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(file) = &options.file else { return Ok(ExitCode::from(2)) };
    let mut upgraded = Vec::new();
    for layer in read_layers(&super::text_of(file)?)? {
        let choice = Choice { domain: Some(layer.domain.clone()), ..super::choice(&options.which) };
        let view = catalog.view(&catalog.release(&choice).await?).await?;
        let (layer, notes) = layer_upgraded(&layer, &view);
        for note in notes {
            display::remark(&format!("{}: {}: {}", plain(&layer.name), plain(&note.id), plain(&note.what)));
        }
        upgraded.push(layer.json().clone());
    }
    let text = match upgraded.as_slice() {
        [one] => serde_json::to_string_pretty(one)?,
        layers => serde_json::to_string_pretty(layers)?,
    };
    anstream::println!("{text}");
    Ok(ExitCode::SUCCESS)
}

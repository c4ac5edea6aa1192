//! The files that pages are made of beside HTML. They are the same for everybody.

use actix_web::HttpResponse;

use crate::assets;
use crate::request::call::Call;
use crate::trouble::Trouble;

pub(crate) async fn read(call: Call) -> Result<HttpResponse, Trouble> {
    let name: String = call.part("name")?;
    let asset = assets::named(&name).ok_or(Trouble::NotFound)?;
    Ok(asset.answer())
}

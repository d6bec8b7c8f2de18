//! Templates with what AWS makes of them; most are the developer guide's own.

use serde_json::{Value, json};

use super::{Input, render};

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    list.iter().map(own).collect()
}

fn rendered_with(context: &mut Value, template: &str, body: &str) -> String {
    let input = Input::new(
        body.as_bytes(),
        pairs(&[("id", "7")]),
        pairs(&[("q", "x y")]),
        pairs(&[("Accept", "text/html"), ("id", "header's")]),
    );
    let variables = json!({ "url": "ejemplo.com" });
    render(template, &input, context, &variables).unwrap_or_else(|fault| format!("fault: {fault}"))
}

fn rendered(template: &str, body: &str) -> String {
    rendered_with(&mut json!({ "stage": "prod" }), template, body)
}

#[test]
fn references_reach_input_context_and_stage_variables() {
    let body = r#"{"name":"a","tags":["x","y"],"deep":{"n":1.5},"none":null}"#;
    for (template, expected) in [
        ("$input.body", body),
        ("$input.json('$.tags')", r#"["x","y"]"#),
        ("$input.path('$.tags')", r#"["x","y"]"#),
        ("$input.path('$').deep", "{n=1.5}"),
        ("$input.path('$.tags[1]')", "y"),
        ("$input.path('$.tags')[5]", ""),
        ("$input.path('$..n')", "[1.5]"),
        ("$input.json('$.missing')", "\"\""),
        (
            "$input.params('id') $input.params('q') $input.params('accept')",
            "7 x y text/html",
        ),
        ("$input.params().header.get('Accept')", "text/html"),
        (
            "$context.stage ${stageVariables.url} $stageVariables.get('url')",
            "prod ejemplo.com ejemplo.com",
        ),
        ("[$nothing] [$!nothing] $5.00 $", "[] [] $5.00 $"),
        (
            r"\$input.body # no directive #fff",
            "$input.body # no directive #fff",
        ),
    ] {
        assert_eq!(rendered(template, body), expected, "{template}");
    }
}

#[test]
fn directives_do_what_velocity_does() {
    for (template, expected) in [
        ("#set($x = 3)\n#set($y = $x * 2 + 1)\n$y", "7"),
        (
            "#if($input.path('$.a') == 1 && !false)yes#{else}no#end.",
            "yes.",
        ),
        ("#if(false)a#elseif(2 >= 3)b#else c#end", " c"),
        (
            "#foreach($i in [1..3])$i#if($foreach.hasNext),#end#end",
            "1,2,3",
        ),
        (
            "#foreach($e in $input.path('$.m').entrySet())$e.key=$e.value;#end",
            "k=v;l=w;",
        ),
        (
            "#foreach($k in $input.path('$.m').keySet())$k#if($velocityCount == 1)#break#end#end",
            "k",
        ),
        (
            "#macro(twice $a)$a$a#end#twice('x')#twice(\"<$input.path('$.a')>\")",
            "xx<1><1>",
        ),
        (
            "## gone\n#* gone\n too *#left#[[$raw #if]]#",
            "left$raw #if",
        ),
        (
            "#set($m = {\"a\": 1})#set($m.b = 'two')$m.put('c', [1, 'x'])$m $m.size()",
            "{a=1, b=two, c=[1,\"x\"]} 3",
        ),
        (
            "#set($l = [])#if($l.add('q'))#end$l.get(0)$l[0]$l.isEmpty()",
            "qqfalse",
        ),
        (
            "#set($s = \"a,b,,\")$s.split(',').size() $s.replaceAll('[ab]', 'z') $s.substring(0, 1)",
            "2 z,z,, a",
        ),
        ("a#stop b", "a"),
        ("#foreach($i in [1..3])x#end\n#unknown(1)", "xxx#unknown(1)"),
    ] {
        assert_eq!(
            rendered(template, r#"{"a":1,"m":{"k":"v","l":"w"}}"#),
            expected,
            "{template}"
        );
    }
}

#[test]
fn utilities_encode_as_awss_do() {
    for (template, expected) in [
        (
            "$util.escapeJavaScript($input.body)",
            r#"it\'s a \"q\" \u00FC \/"#,
        ),
        (
            "$util.base64Encode('hey')$util.base64Decode('aGV5')",
            "aGV5hey",
        ),
        (
            "$util.urlEncode('a b&c/d')$util.urlDecode('%2Fa+b')",
            "a+b%26c%2Fd/a b",
        ),
        ("$util.parseJson('{\"a\":[1]}').a[0]", "1"),
    ] {
        assert_eq!(
            rendered(template, "it's a \"q\" ü /"),
            expected,
            "{template}"
        );
    }
}

#[test]
fn overrides_stay_in_the_context() {
    let mut context = json!({});
    let template = "#set($context.responseOverride.status = 418)#set($context.responseOverride.header.x-tea = 'pot')";
    rendered_with(&mut context, template, "");
    let overridden = json!({ "responseOverride": { "status": 418, "header": { "x-tea": "pot" } } });
    assert_eq!(context, overridden);
}

#[test]
fn what_cannot_be_rendered_is_a_fault_and_never_hangs() {
    for template in [
        "#if(true)",
        "#end",
        "#set($x = )",
        "#macro(m)#m()#end#m()",
        "#foreach($i in [1..99999999])x#end",
        "#evaluate('$x')",
        "$input.path('nope')",
        "$util.nothing('x')",
    ] {
        assert!(
            rendered(template, "{}").starts_with("fault: "),
            "{template}"
        );
    }
    let deep = "#if(true)".repeat(1000);
    assert!(rendered(&deep, "{}").starts_with("fault: "));
}

/// The developer guide's example of a photo album.
#[test]
fn the_guides_photo_album_comes_out_as_it_says() {
    let template = "#set($inputRoot = $input.path('$'))\n{\n  \"photos\": [\n#foreach($elem in $inputRoot.photos.photo)\n    {\n      \"id\": \"$elem.id\",\n      \"title\": \"$elem.title\",\n      \"ispublic\": $elem.ispublic\n    }#if($foreach.hasNext),#end\n\n#end\n  ]\n}";
    let body = r#"{"photos":{"page":1,"photo":[{"id":"1","title":"Sample photo 1","ispublic":true},{"id":"2","title":"Sample photo 2","ispublic":true}]}}"#;
    let out: Value = serde_json::from_str(&rendered(template, body)).expect("JSON");
    assert_eq!(
        out["photos"][1],
        json!({ "id": "2", "title": "Sample photo 2", "ispublic": true })
    );
}

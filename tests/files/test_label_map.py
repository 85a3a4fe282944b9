"""Reading and writing action lists: what is malformed is named with its line, and no class is lost."""
import pytest
from files.texts import write

from stssa_mm.files.label_map import read_label_map, write_label_map


def test_label_maps_of_ava(shared_data):
    folder = shared_data / 'ava'
    all_classes = read_label_map(folder / 'ava_action_list_v2.2.pbtxt')
    assert list(all_classes) == list(range(1, 81)) and all_classes[1] == 'bend/bow (at the waist)'
    sixty = read_label_map(folder / 'ava_action_list_v2.1_for_activitynet_2018.pbtxt')
    assert len(sixty) == 60 and sixty.items() <= all_classes.items()


@pytest.mark.parametrize('text, names', [
    ('item {\n  name: "a"\n  id: 2\n}\nitem {\n  id: 1\n  name: \'b "c"\'\n}', {1: 'b "c"', 2: 'a'}),
    ('label { name: "" label_id: 3 label_type: PERSON_MOVEMENT }', {3: ''}),
    ('item{name:"a",id:1}', {1: 'a'})])
def test_label_map_in_any_spacing(tmp_path, text, names):
    assert read_label_map(write(tmp_path, text)) == names


@pytest.mark.parametrize('name', [
    "o'brien", '{ball}', '{{ x }}', '}', '{', 'id: 5', "name: 'x'", 'a, b; c', '# no comment', 'a\\b', ' 10 %', 'id'])
def test_a_name_of_any_form_reads_back(tmp_path, name):
    write_label_map(tmp_path / 'map.pbtxt', [name, 'after'])
    assert read_label_map(tmp_path / 'map.pbtxt') == {1: name, 2: 'after'}


@pytest.mark.parametrize('block', ['item {\n name: "b" # it\'s\n id: 2 }', '# don\'t {\nitem { id: 2 name: "b" }',
                                   'item { name: "b" id: 2 } # }'])
def test_comments_of_a_label_map_count_for_nothing(tmp_path, block):
    text = f'item {{ name: "a" id: 1 }}\n{block}\nitem {{ name: "c" id: 3 }}'
    assert read_label_map(write(tmp_path, text)) == {1: 'a', 2: 'b', 3: 'c'}


@pytest.mark.parametrize('block', [
    "item { name: 'o'brien' id: 2 }", 'item { name: "b id: 2 }', 'item { name: "b" id: 2', 'item { name: "b"', 'item {',
    'item', 'item { name: "b" id: 2 } }', '{ name: "b" id: 2 }', 'item { item { name: "b" id: 2 } }',
    'item { name: b id: 2 }', 'item { name: "b" id: }', 'item name: "b" id: 2 }', '"item" { name: "b" id: 2 }'])
@pytest.mark.parametrize('after', ['', '\nitem { name: "c" id: 3 }'])
def test_no_class_of_a_malformed_label_map_is_lost(tmp_path, block, after):
    with pytest.raises(ValueError, match=r'a\.csv:2: .*: expected item'):
        read_label_map(write(tmp_path, f'item {{ name: "a" id: 1 }}\n{block}{after}'))


@pytest.mark.parametrize('text', ['x' * 200_000, 'x ' * 100_000, 'x' + ' ' * 200_000, 'x{' * 50_000, 'x{"' * 50_000,
                                  'x{' + '"a" ' * 50_000, ':' * 200_000, '"' * 200_001, 'x{id:' * 40_000,
                                  'x{name:"a" id:' + '9' * 200_000 + '}'], ids=range(10))
def test_a_label_map_of_nonsense_is_refused_at_once(tmp_path, text):
    with pytest.raises(ValueError, match=r'a\.csv.*: expected item') as error:
        read_label_map(write(tmp_path, text))
    assert len(str(error.value)) < 500


@pytest.mark.parametrize('text, message', [
    ('', 'a.csv: no class in it'), ('1: stand\n', 'no class in it'),
    ('item {\n name: "a"\n}\n', 'a.csv:1: item { name: "a" }: expected'),
    ('item {\n name: "a"\n id: 1\n}\nitem {\n id: 2\n}\n', 'a.csv:5: .*expected'),
    ('item {\n name: "a"\n id: 0\n}\n', 'N from 1'), ('item {\n name: "a"\n id: x\n}\n', 'N from 1'),
    ('item {\n name: "a"\n id: 1\n}\nitem {\n name: "b"\n id: 1\n}\n', "a.csv:5: id 1: expected another, 'a' has it")])
def test_wrong_label_maps_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_label_map(write(tmp_path, text))

def test_a_folder_that_is_no_release_is_one_line(load_tool, tmp_path):
    message = load_tool('data/jhmdb.py').run(tmp_path, '--out', tmp_path / 'out')
    assert message.startswith(f'jhmdb.py: {tmp_path}/splits: no *_test_split1.txt here') and '\n' not in message
    assert not (tmp_path / 'out').exists()
